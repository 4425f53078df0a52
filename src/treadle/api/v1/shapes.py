"""Records as the contract shows them. Keys stand in the contract's order."""

import json
from datetime import UTC, datetime
from typing import Any

from treadle.domain.environments import Environment
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.jobs import Job, StoredEvent
from treadle.domain.manifests import ManifestFile
from treadle.domain.providers import Provider
from treadle.domain.versions import ListedVersion


def time_text(time: datetime) -> str:
    """Return a time in UTC as ISO 8601 text that ends in Z."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def function_shape(function: Function) -> dict[str, Any]:
    """Return a function as listings and look-ups show it."""
    return {"id": function.id, **_program(function.title, function.provider, function.current)}


def upload_shape(function: Function) -> dict[str, Any]:
    """Return a function as the answer to its upload shows it."""
    version = function.current
    return {
        "title": function.title,
        "entrypoint": version.entrypoint,
        "artifact": _artifact(version),
        "dependencies": json.dumps(version.dependencies),
        "env_vars": json.dumps(version.env_vars),
        "image": None,
        "provider": function.provider.name if function.provider else None,
        "description": version.description,
        "type": version.type,
        "version": version.version,
        "runner": version.runner,
        "arguments_schema": version.arguments_schema,
        **_sizes(version),
    }


def version_shape(listed: ListedVersion) -> dict[str, Any]:
    """Return a version as the list of a function's versions shows it."""
    version = listed.version
    return {
        "number": version.number,
        "version": version.version,
        "digest": version.digest,
        "created": time_text(listed.created),
        "author": listed.author,
        "entrypoint": version.entrypoint,
        "dependencies": list(version.dependencies),
        "env_vars": sorted(version.env_vars),
        "description": version.description,
        "arguments_schema": version.arguments_schema,
        "sizes": version.sizes,
        "default_size": version.default_size,
        "current_since": time_text(listed.current_since) if listed.current_since else None,
        "current_by": listed.current_by,
    }


def manifest_shape(version: FunctionVersion, files: list[ManifestFile]) -> dict[str, Any]:
    """Return the files of a version."""
    return {
        "number": version.number,
        "artifact_digest": version.artifact_digest,
        "files": [
            {"path": file.path, "size": file.size, "executable": file.executable, "sha256": file.sha256}
            for file in files
        ],
    }


def submitted_shape(job: Job) -> dict[str, Any]:
    """Return a job as the answer to its submission shows it."""
    return {
        "id": job.id,
        "result": None,
        "status": job.status,
        "program": job.function_id,
        "created": time_text(job.created),
        "arguments": "{}",
        "compute_profile": job.compute_profile,
    }


def job_shape(job: Job) -> dict[str, Any]:
    """Return a job as a look-up shows it."""
    return {
        "id": job.id,
        "status": job.status,
        "program": {"id": job.function_id, "title": job.function_title, **_provider(job.provider)},
        "created": time_text(job.created),
        "sub_status": job.state.sub_status,
        "fleet_id": None,
        "compute_profile": job.compute_profile,
        "business_model": job.business_model,
    }


def job_shape_with_result(job: Job, version: FunctionVersion, result: str | None) -> dict[str, Any]:
    """Return a job as a look-up that asks for the result shows it."""
    shape = job_shape(job)
    program = {"id": job.function_id, **_program(job.function_title, job.provider, version)}
    for name in ("version", "runner", "arguments_schema", "sizes", "default_size"):
        program.pop(name, None)
    return {"id": shape.pop("id"), "result": result, **shape, "program": program}


def old_job_shape(job: Job, version: FunctionVersion, result: str | None) -> dict[str, Any]:
    """Return a job as the deprecated routes show it."""
    shape = job_shape_with_result(job, version, result)
    return {name: shape[name] for name in ("id", "result", "status", "program", "created", "sub_status")}


def listed_job_shape(job: Job) -> dict[str, Any]:
    """Return a job as a listing shows it."""
    return {
        "id": job.id,
        "status": job.status,
        "program": {"id": job.function_id, "title": job.function_title, "provider": None, **_provider(job.provider)},
        "created": time_text(job.created),
        "sub_status": job.state.sub_status,
        "compute_profile": job.compute_profile,
    }


def event_shape(event: StoredEvent) -> dict[str, Any]:
    """Return a row of a job's history."""
    record = event.record
    shown = "sub_status" if record.type == "SUB_STATUS_CHANGE" else "status"
    data = {shown: record.data[shown]} if shown in record.data else record.data
    return {
        "event_type": record.type,
        "origin": record.origin,
        "context": record.context,
        "created": time_text(event.created),
        "data": data,
    }


def environment_shape(environment: Environment, log: str) -> dict[str, Any]:
    """Return the environment of a version with its build log."""
    return {
        "digest": environment.digest,
        "status": environment.status,
        "requirements": list(environment.requirements),
        "packages": list(environment.lock.packages),
        "message": environment.message,
        "log": log,
    }


def own_environment_shape() -> dict[str, Any]:
    """Return the platform's own environment, which is always there."""
    return {"digest": None, "status": "READY", "requirements": [], "packages": [], "message": None, "log": ""}


def _program(title: str, provider: Provider | None, version: FunctionVersion) -> dict[str, Any]:
    return {
        "title": title,
        "entrypoint": version.entrypoint,
        "artifact": _artifact(version),
        "dependencies": json.dumps(version.dependencies),
        **_provider(provider),
        "description": version.description,
        "documentation_url": version.documentation_url,
        "type": version.type,
        "version": version.version,
        "runner": version.runner,
        "arguments_schema": version.arguments_schema,
        **_sizes(version),
    }


def _sizes(version: FunctionVersion) -> dict[str, Any]:
    """Return the keys of the sizes, which clients before 0.37 do not know."""
    return {"sizes": version.sizes, "default_size": version.default_size} if version.sizes else {}


def _provider(provider: Provider | None) -> dict[str, str]:
    """Return the key of the provider, which the contract leaves out where there is none."""
    return {"provider": provider.name} if provider else {}


def _artifact(version: FunctionVersion) -> str | None:
    return f"/artifacts/{version.artifact_digest}.tar" if version.artifact_digest else None
