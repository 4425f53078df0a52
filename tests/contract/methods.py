"""Which public methods each release of the client has, and which story calls them.

No method may be missed: `test_methods` compares this with what the releases have, and every story's test that it called its own.
"""

from tests.contract.environments import CLIENT_VERSIONS

EVERY = CLIENT_VERSIONS
UNTIL_30, SINCE_24, SINCE_30, SINCE_35, SINCE_37 = EVERY[:3], EVERY[1:], EVERY[2:], EVERY[3:], EVERY[4:]

# Of qiskit-ibm-catalog, which is in the environment of 0.37: what its two classes have in common.
IN_BOTH = (
    *("load", "list", "jobs", "provider_jobs", "job", "get_job_by_id", "runtime_jobs", "runtime_sessions", "events"),
    *(
        f"{space}{name}"
        for space in ("", "provider_")
        for name in ("files", "file_upload", "file_download", "file_delete")
    ),
    "save_account",
)
# These ask IBM's servers, not a gateway.
IBM_ONLY = {
    f"{word}.{name}" for word in ("catalog", "serverless") for name in ("backend", "backends", "least_busy", "usage")
}

STORIES = {
    "first_steps": {
        "client.function": EVERY,
        "client.job": EVERY,
        "client.logs": EVERY,
        "client.result": EVERY,
        "client.run": EVERY,
        "client.status": EVERY,
        "client.upload": EVERY,
        "function.run": EVERY,
        "job.error_message": EVERY,
        "job.in_terminal_state": EVERY,
        "job.logs": EVERY,
        "job.result": EVERY,
        "job.status": EVERY,
    },
    "dependencies": {"client.dependencies_versions": SINCE_30},
    "functions": {
        "client.from_dict": EVERY,
        "client.functions": EVERY,
        "client.get": EVERY,
        "client.list": EVERY,
        "client.to_dict": EVERY,
        "client.validate_arguments": SINCE_35,
        "client.widget": UNTIL_30,
        "function.from_json": EVERY,
        "function.get_default_size": SINCE_37,
        "function.sizes": SINCE_37,
        "function.validate_arguments": SINCE_35,
    },
    "jobs": {
        "client.events": SINCE_35,
        "client.filtered_logs": EVERY,
        "client.get_job_by_id": EVERY,
        "client.get_job_data": SINCE_35,
        "client.get_jobs": EVERY,
        "client.jobs": EVERY,
        "client.runtime_jobs": SINCE_30,
        "client.runtime_sessions": SINCE_30,
        "client.stop": EVERY,
        "function.get_jobs": EVERY,
        "function.jobs": EVERY,
        "job.cancel": EVERY,
        "job.events": SINCE_35,
        "job.filtered_logs": EVERY,
        "job.fleet_id": SINCE_35,
        "job.runtime_jobs": SINCE_30,
        "job.runtime_sessions": SINCE_30,
        "job.stop": EVERY,
    },
    "files": {
        "client.file_delete": EVERY,
        "client.file_download": EVERY,
        "client.file_upload": EVERY,
        "client.files": EVERY,
    },
    "catalog": {
        **{f"{word}.{name}": SINCE_37 for word in ("catalog", "serverless") for name in IN_BOTH},
        "serverless.upload": SINCE_37,
    },
    "providers": {
        "client.provider_file_delete": SINCE_24,
        "client.provider_file_download": SINCE_24,
        "client.provider_file_upload": SINCE_24,
        "client.provider_files": SINCE_24,
        "client.provider_jobs": SINCE_24,
        "client.provider_logs": SINCE_30,
        "job.provider_logs": SINCE_30,
    },
}


def methods_of(release: str) -> set[str]:
    """Return every public method a release has."""
    return {name for story in STORIES for name in methods_of_story(story, release)}


def methods_of_story(story: str, release: str) -> set[str]:
    """Return the methods that a story must call with a release."""
    return {name for name, releases in STORIES[story].items() if release in releases}
