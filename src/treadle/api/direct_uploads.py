"""Uploads past the gateway, as requests and answers: the same for clients and supervisors."""

from typing import Annotated

from pydantic import BaseModel, Field

from treadle.api.answers import JsonAnswer
from treadle.ports.transfers import PartialUpload

_MOST_PARTS = 10_000  # of an upload to S3

ETag = Annotated[str, Field(min_length=1, max_length=255)]


class SizeBody(BaseModel):
    """How many bytes shall be uploaded."""

    size: int = Field(ge=0)


class UploadedBody(BaseModel):
    """An upload whose parts are all there: its name, and the ETag of each part in order."""

    upload: str = Field(min_length=1, max_length=4096)
    parts: list[ETag] = Field(min_length=1, max_length=_MOST_PARTS)


def upload_answer(begun: PartialUpload, name: str | None = None) -> JsonAnswer:
    """Return an answer that says where to put the parts of an upload.

    Args:
        begun: The upload.
        name: What to call it when it is committed, if not as the store does.
    """
    fields = {"upload": name or begun.upload_id, "part_size": begun.part_size, "urls": begun.urls}
    return JsonAnswer(fields, headers={"Cache-Control": "no-store"})
