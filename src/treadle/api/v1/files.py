"""Routes of the contract about files. All parameters stand in the query, also of POST and DELETE.

Clients up to 0.18 name no function: they mean the files that a user has with all functions without a provider.

Clients of today see a flat folder of names. `details`, `folder` and `checksums`, and `file` of an upload, are ours: with them
files lie in folders and have a size, a time and a checksum.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from treadle.api.answers import JsonAnswer
from treadle.api.bodies import read_body
from treadle.api.callers import ByUser
from treadle.api.file_answers import file_answer
from treadle.api.multipart import FileUpload
from treadle.api.v1.shapes import time_text
from treadle.domain.errors import InvalidError
from treadle.domain.files import Space, StoredFile, user_space
from treadle.domain.functions import clean_title, split_title

router = APIRouter(prefix="/api/v1/files", tags=["files"])

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class NamedFile(BaseModel):
    """A file to remove, as clients up to 0.18 name it: in the body."""

    file: str = Field(min_length=1)


async def _user_space(call: ByUser, function: str | None = None, provider: str | None = None) -> Space:
    if function is None and not provider:
        return user_space(call.user.id, None, "")
    if function is None:
        raise InvalidError("A provider keeps files for each of its functions: name the function.")
    named, title = split_title(clean_title(function), provider or None)
    return await call.platform.files.of_user(call.user, title, named)


async def _provider_space(call: ByUser, function: str, provider: Annotated[str, Query(min_length=1)]) -> Space:
    return await call.platform.files.of_provider(call.user, clean_title(function), provider)


OfUser = Annotated[Space, Depends(_user_space)]
"""The space the caller has with the function that the query names."""

OfProvider = Annotated[Space, Depends(_provider_space)]
"""The space of the provider's function that the query names, for those who look after it."""

Name = Annotated[str, Query(min_length=1)]


@router.get("/")
async def list_files(
    call: ByUser, space: OfUser, details: bool = False, folder: str = "", checksums: bool = True
) -> JsonAnswer:
    """Return the names of the caller's files; with `details`, all that is known of each, also of those in folders."""
    return await _listed(call, space, details, folder, checksums)


@router.get("/provider/")
async def list_provider_files(
    call: ByUser, space: OfProvider, details: bool = False, folder: str = "", checksums: bool = True
) -> JsonAnswer:
    """Return the names of a provider's files; with `details`, all that is known of each, also of those in folders."""
    return await _listed(call, space, details, folder, checksums)


@router.post("/upload/", openapi_extra=_UPLOAD)
async def upload(request: Request, call: ByUser, space: OfUser, file: Name | None = None) -> JsonAnswer:
    """Store a file of the caller, under the path `file` or one made of the name it comes with."""
    return await _uploaded(request, call, space, file)


@router.post("/provider/upload/", openapi_extra=_UPLOAD)
async def upload_provider_file(
    request: Request, call: ByUser, space: OfProvider, file: Name | None = None
) -> JsonAnswer:
    """Store a file of a provider, under the path `file` or one made of the name it comes with."""
    return await _uploaded(request, call, space, file)


@router.head("/download/", include_in_schema=False)
@router.get("/download/")
async def download(request: Request, call: ByUser, space: OfUser, file: Name) -> Response:
    """Return the content of a file of the caller, or a range of it."""
    return await _downloaded(request, call, space, file)


@router.head("/provider/download/", include_in_schema=False)
@router.get("/provider/download/")
async def download_provider_file(request: Request, call: ByUser, space: OfProvider, file: Name) -> Response:
    """Return the content of a file of a provider, or a range of it."""
    return await _downloaded(request, call, space, file)


@router.delete("/delete/")
async def delete(request: Request, call: ByUser, space: OfUser, file: Name | None = None) -> JsonAnswer:
    """Remove a file of the caller."""
    return await _deleted(call, space, file or (await read_body(request, NamedFile)).file)


@router.delete("/provider/delete/")
async def delete_provider_file(call: ByUser, space: OfProvider, file: Name) -> JsonAnswer:
    """Remove a file of a provider."""
    return await _deleted(call, space, file)


async def _listed(call: ByUser, space: Space, details: bool, folder: str, checksums: bool) -> JsonAnswer:
    if not details:
        return JsonAnswer({"results": await call.platform.files.names(space)})
    files = await call.platform.files.all(space, folder, checksums=checksums)
    return JsonAnswer({"results": [file_shape(file) for file in files]})


async def _uploaded(request: Request, call: ByUser, space: Space, path: str | None) -> JsonAnswer:
    sent = FileUpload(request)
    await sent.begin()
    stored = await call.platform.files.upload(space, path, sent.filename, sent.content())
    shape = {"message": stored.path} if path is None else {"message": stored.path, "file": file_shape(stored)}
    return JsonAnswer(shape)


async def _downloaded(request: Request, call: ByUser, space: Space, path: str) -> Response:
    return await file_answer(request, await call.platform.files.open(space, path), path.rpartition("/")[2])


async def _deleted(call: ByUser, space: Space, path: str) -> JsonAnswer:
    await call.platform.files.delete(space, path)
    return JsonAnswer({"message": "Requested file was deleted."})


def file_shape(file: StoredFile) -> dict[str, Any]:
    """Return what is told of a file."""
    return {"name": file.path, "size": file.size, "modified": time_text(file.modified), "sha256": file.sha256}
