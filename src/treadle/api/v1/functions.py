"""Routes of the contract about functions ("programs" on the wire)."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, Json

from qiskit_serverless.encodings import (
    CONTAINED,
    ENCODING_HEADER,
    IDEMPOTENCY_HEADER,
    LOCATED,
    LOCATION_HEADER,
    UPLOADED_TYPE,
)
from qiskit_serverless.serialization.container import MEDIA_TYPE
from treadle.api.answers import JsonAnswer
from treadle.api.bodies import (
    Blankable,
    TarContent,
    VersionChoice,
    at_most,
    documented,
    from_json,
    media_type,
    read_body,
    read_query,
)
from treadle.api.callers import ByUser
from treadle.api.direct_uploads import SizeBody, UploadedBody, upload_answer
from treadle.api.v1.names import Name
from treadle.api.v1.parameters import FunctionId
from treadle.api.v1.shapes import function_shape, old_job_shape, submitted_shape, upload_shape
from treadle.domain.errors import InvalidError
from treadle.domain.functions import Catalog, clean_title, legal_characters, split_title
from treadle.domain.jobs import RunOptions
from treadle.domain.manifests import Assembly, ManifestFile
from treadle.domain.text import is_text
from treadle.services.direct_values import DirectValues, Uploaded
from treadle.services.jobs import KeepValue
from treadle.services.uploads import Upload

router = APIRouter(prefix="/api/v1/programs", tags=["functions"])

_LONGEST_LABEL = 255
_LONGEST_KEY = 255
_TEXT = at_most(65_536)  # what listings show of every function
_JSON = at_most(2**20)  # parsing it takes the event loop
_FILES = at_most(16 * 2**20, "Send the whole artifact.")

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Label = Annotated[str, Field(min_length=1, max_length=_LONGEST_LABEL)]


class FileBody(BaseModel):
    """A file of an artifact that is assembled."""

    path: str = Field(pattern="^[^\\x00]+$")
    sha256: Sha256
    executable: bool = False


class UploadBody(BaseModel):
    """An uploaded function. What is left out stays as it was in an update.

    Clients that send only what is new name the version that has the rest (`base_version`), all files of the artifact, as JSON
    text, and the SHA-256 of the whole; without `files` the artifact is that of the base.
    """

    title: str
    provider: Name = None
    entrypoint: str | None = Field(None, max_length=255)
    image: str | None = Field(None, max_length=511)
    artifact: TarContent | None = None
    base_version: VersionChoice | None = None
    files: Annotated[Json[list[FileBody]] | None, _FILES] = None
    artifact_digest: Sha256 | None = None
    dependencies: Annotated[str | None, _JSON] = None
    env_vars: Annotated[str | None, _JSON] = None
    description: Annotated[str | None, _TEXT] = None
    version: str | None = None
    type: Literal["GENERIC", "APPLICATION", "CIRCUIT"] | None = None
    runner: str | None = Field(None, max_length=255)
    arguments_schema: Annotated[str | None, _TEXT] = None
    sizes: Annotated[dict[Label, str], Field(max_length=100), BeforeValidator(from_json), _JSON] | None = None
    default_size: Label | None = None


class ArgumentsBody(BaseModel):
    """Arguments to check. `arguments` is JSON text."""

    title: str
    provider: Name = None
    arguments: str = Field(min_length=1)


class ConfigBody(BaseModel):
    """Workers, for engines that scale."""

    workers: int | None = None
    min_workers: int | None = None
    max_workers: int | None = None
    auto_scaling: bool | None = None


class RunFields(BaseModel):
    """A job to run, without its arguments. It runs with a compute profile, or at one of the function's sizes.

    `version` is the number or label of the version to run, for those who may see the code; without it the current one runs.
    """

    title: str
    provider: Name = None
    config: Annotated[ConfigBody, BeforeValidator(from_json), _JSON] | None = None
    compute_profile: Blankable = None
    function_size: Blankable = None
    version: VersionChoice | None = None


class RunBody(RunFields, ArgumentsBody):
    """A job to run. `arguments` is JSON text."""


@router.get("/")
async def list_functions(
    call: ByUser, filter: Annotated[str | None, Query()] = None, provider: Name = None
) -> JsonAnswer:
    """Return the functions the caller may see: with `filter=serverless` the own ones, with `filter=catalog` providers' to run."""
    catalog = Catalog(filter) if filter in list(Catalog) else Catalog.ALL
    functions = await call.platform.functions.visible(call.user, catalog, provider)
    shapes = [function_shape(function) for function in functions]
    direct = {LOCATION_HEADER: LOCATED} if call.platform.direct_values.offered else {}
    return JsonAnswer(shapes, headers={ENCODING_HEADER: CONTAINED, **direct})


@router.get("/get_by_title/{title}/")
async def get_by_title(title: str, call: ByUser, provider: Name = None) -> JsonAnswer:
    """Return the function of the provider, or else of the caller, with this title."""
    function = await call.platform.functions.get(call.user, clean_title(title), provider)
    return JsonAnswer(function_shape(function))


@router.post("/upload/", openapi_extra=documented(UploadBody))
async def upload(request: Request, call: ByUser) -> JsonAnswer:
    """Store a new function, or a new version of one the caller may change."""
    body = await read_body(request, UploadBody)
    provider, title = split_title(clean_title(body.title), body.provider)
    function = await call.platform.uploads.upload(
        call.user,
        Upload(
            title=title,
            provider=provider,
            image=body.image,
            artifact=body.artifact,
            assembly=_assembly(body),
            entrypoint=body.entrypoint,
            dependencies=_dependencies(body.dependencies),
            env_vars=_env_vars(body.env_vars),
            description=body.description,
            version=_version(body.version),
            type=body.type,
            runner=body.runner,
            arguments_schema=body.arguments_schema,
            sizes=body.sizes,
            default_size=body.default_size,
        ),
    )
    return JsonAnswer(upload_shape(function))


@router.post("/run/", openapi_extra=documented(RunBody))
async def run(request: Request, call: ByUser) -> JsonAnswer:
    """Accept a job. If the body is a container of the arguments, or tells of their upload, the rest stands in the query."""
    fields, arguments = await _run_of(request, call.platform.direct_values)
    title = clean_title(fields.title)
    config = fields.config.model_dump(exclude_none=True) if fields.config is not None else {}
    key = _idempotency_key(request)
    options = RunOptions(fields.version, fields.compute_profile, fields.function_size, config, key)
    job = await call.platform.jobs.submit(call.user, title, fields.provider, arguments, options)
    return JsonAnswer(submitted_shape(job))


@router.post("/run/upload/", openapi_extra=documented(SizeBody))
async def begin_arguments(request: Request, call: ByUser) -> JsonAnswer:
    """Begin an upload of large arguments past the gateway: where to put their parts, or nothing if they have to come here.

    The job is then run with the same ``Idempotency-Key`` as this request's.
    """
    body = await read_body(request, SizeBody)
    key = _idempotency_key(request)
    if key is None:
        raise InvalidError(f"An upload of arguments needs the '{IDEMPOTENCY_HEADER}' with which the job will be run.")
    begun = await call.platform.direct_values.begin_arguments(call.user, key, body.size)
    return JsonAnswer({}) if begun is None else upload_answer(begun)


@router.post("/validate_arguments/", openapi_extra=documented(ArgumentsBody))
async def validate_arguments(request: Request, call: ByUser) -> JsonAnswer:
    """Check arguments against the schema of a function, without running it."""
    body = await read_body(request, ArgumentsBody)
    if body.title and not legal_characters(body.title):
        raise InvalidError("Invalid title.")
    provider, title = split_title(clean_title(body.title), body.provider)
    await call.platform.jobs.check_arguments(call.user, title, provider, body.arguments)
    return JsonAnswer({"valid": True})


@router.get("/{function_id}/get_jobs/", deprecated=True)
async def get_jobs(function_id: FunctionId, call: ByUser) -> JsonAnswer:
    """Return all jobs of a function, everybody's for those who act for its provider. `GET /api/v1/jobs/` has pages."""
    found = await call.platform.jobs.of_function(call.user, function_id)
    a_job_of = {job.version_id: job for job in found.jobs}
    versions = {key: await call.platform.jobs.version(call.user, job) for key, job in a_job_of.items()}
    shapes = [old_job_shape(job, versions[job.version_id], None) for job in found.jobs]
    hidden = {"result"} if found.of_everybody else set()
    return JsonAnswer([{name: value for name, value in shape.items() if name not in hidden} for shape in shapes])


async def _run_of(
    request: Request, direct_values: DirectValues
) -> tuple[RunFields, str | AsyncIterator[bytes] | KeepValue]:
    """Return what a request wants to be run, and the arguments or what makes them."""
    kind = media_type(request)
    if kind == MEDIA_TYPE:
        return read_query(request, RunFields), request.stream()
    if kind == UPLOADED_TYPE:
        told = UploadedBody.model_validate_json(await request.body())
        uploaded = Uploaded(told.upload, told.parts)
        return read_query(request, RunFields), lambda key: direct_values.commit(key, "arguments", uploaded)
    body = await read_body(request, RunBody)
    return body, body.arguments


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidError(f"'{IDEMPOTENCY_HEADER}' is 1 to {_LONGEST_KEY} printable ASCII characters.")
    return key


def _assembly(body: UploadBody) -> Assembly | None:
    if body.base_version is None:
        return None
    if body.artifact_digest is None:
        raise InvalidError("'base_version' needs the SHA-256 of the whole artifact in 'artifact_digest'.")
    files = tuple(ManifestFile(file.path, file.sha256, file.executable) for file in body.files or ())
    return Assembly(body.base_version, files, body.artifact_digest)


def _dependencies(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"'dependencies' should be an array of strings or objects: {error}") from error
    if not isinstance(listed, list):
        raise InvalidError("'dependencies' should be an array.")
    return tuple(_dependency(item) for item in listed)


def _dependency(item: object) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        raise InvalidError("'dependencies' should be an array with strings or dict.")
    if len(item) != 1:
        raise InvalidError("'dependencies' should be an array with dict containing one dependency only.")
    [(name, version)] = item.items()
    return f"{name}=={version}" if str(version)[:1].isdigit() else f"{name}{version}"


def _env_vars(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        variables = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"'env_vars' should be an object of strings: {error}") from error
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise InvalidError("'env_vars' should be an object whose values are strings.")
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value or not is_text(name + value):
            raise InvalidError(f"'env_vars' has a variable that no environment can hold: {name!r}.")
    return variables


def _version(text: str | None) -> str | None:
    if text is not None and len(text) > _LONGEST_LABEL:
        raise InvalidError(f"Invalid version - it has {len(text)} characters and the maximum is {_LONGEST_LABEL}.")
    if text is not None:
        from packaging.version import Version  # late: only uploads need it

        try:
            Version(text)
        except ValueError:  # InvalidVersion, or a number of too many digits
            raise InvalidError("Invalid version - expected format x.y.z") from None
    return text
