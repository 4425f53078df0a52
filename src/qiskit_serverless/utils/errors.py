"""Where releases of the PyPI client up to 0.37 keep the texts of errors."""

import json

from qiskit_serverless.records import JobEvent, failure_text

ErrorCodeType = int | str


class ErrorCodes:
    """Codes of errors that are no HTTP statuses."""

    AUTH1001 = "AUTH1001"
    CONN1001 = "CONN1001"
    EMPTY1001 = "EMPTY1001"
    JSON1001 = "JSON1001"
    HTTP_STD_ERROR = "HTTP_STD_ERROR"


DEFAULT_ERROR_MESSAGE = "Something went wrong."

error_mapping: dict[ErrorCodeType, str] = {
    ErrorCodes.AUTH1001: "The gateway could not be asked. Check its address and your token.",
    ErrorCodes.CONN1001: "The gateway does not answer.",
    ErrorCodes.EMPTY1001: "The gateway's answer is empty.",
    ErrorCodes.JSON1001: "The gateway's answer is not JSON.",
    ErrorCodes.HTTP_STD_ERROR: "Http bad request.",
}


def is_http_standard_error(error_code: ErrorCodeType) -> bool:
    """Return whether a code is an HTTP status."""
    return isinstance(error_code, int) and 100 <= error_code < 600


def format_err_msg(code: ErrorCodeType, details: str | None = None) -> str:
    """Return the text of an error, as users know it.

    Args:
        code: Its code.
        details: What else there is to say; of a JSON object its members are listed.
    """
    known = ErrorCodes.HTTP_STD_ERROR if is_http_standard_error(code) else code
    text = f"\n| Message: {error_mapping.get(known, DEFAULT_ERROR_MESSAGE)}\n| Code: {code}"
    members = _members(details or "")
    if members:
        return f"{text}\n| Details:" + "".join(f"\n|   - {name}: {value}" for name, value in members.items())
    return f"{text}\n| Details: {details}" if details else text


def format_err_event(error_event: JobEvent) -> str:
    """Return the text of an error event of a job, as users know it."""
    data = error_event.data
    return failure_text(
        {**{name: data[name] for name in ("message", "code", "exception")}, "details": data.get("args")}
    )


def _members(details: str) -> dict[str, object]:
    try:
        found = json.loads(details)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    firsts = {name: value[0] if isinstance(value, list) and value else value for name, value in found.items()}
    return {name: value for name, value in firsts.items() if value}
