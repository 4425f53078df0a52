"""URLs that S3 has signed, for parts and whole objects."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from treadle.adapters.objects.s3 import Bucket, error_code
from treadle.domain.errors import InvalidError, StorageUnavailableError
from treadle.ports.transfers import PartialUpload

logger = logging.getLogger(__name__)

T = TypeVar("T")

_URL_SECONDS = 3600
_PART_URL_SECONDS = 6 * 3600  # the last part of a large object has to wait for all others
_PART = 16 << 20
_MOST_PARTS = 1000
_WRONG_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest"})


class S3Transfers:
    """`treadle.ports.transfers.Transfers` on a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._client = bucket.client
        self._signer = bucket.signer()

    async def url(self, key: str, media_type: str) -> str:
        """Return the URL, good for an hour, that answers with the object as this type."""
        return await _in_thread(
            lambda: self._signed("get_object", _URL_SECONDS, **self._at(key), ResponseContentType=media_type)
        )

    async def begin(self, key: str, size: int) -> PartialUpload:
        """Begin an upload of so many bytes."""
        return await _in_thread(lambda: self._begin(key, size))

    def _begin(self, key: str, size: int) -> PartialUpload:
        upload_id: str = self._client.create_multipart_upload(**self._at(key))["UploadId"]
        part_size = max(_PART, -(-size // _MOST_PARTS))
        urls = [
            self._signed(
                "upload_part",
                _PART_URL_SECONDS,
                **self._at(key),
                UploadId=upload_id,
                PartNumber=number,
                ContentLength=min(part_size, size - start),
            )
            for number, start in enumerate(range(0, size, part_size), 1)
        ]
        return PartialUpload(upload_id, part_size, tuple(urls))

    async def complete(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """Make an object of the parts that were uploaded."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        await _in_thread(lambda: self._complete(key, upload_id, parts))

    def _complete(self, key: str, upload_id: str, parts: list[dict[str, Any]]) -> None:
        try:
            self._client.complete_multipart_upload(
                **self._at(key), UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except ClientError as error:
            if error_code(error) in _WRONG_PARTS:
                raise InvalidError("The parts are not those that were uploaded.", hint="Upload it again.") from error
            if error_code(error) != "NoSuchUpload":
                raise

    async def sweep(self, before: datetime) -> None:
        """Throw away the parts of uploads that were begun before some time and never completed."""
        await _in_thread(lambda: self._sweep(before))

    def _sweep(self, before: datetime) -> None:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.prefix
        )
        for upload in (each for page in pages for each in page.get("Uploads", [])):
            if upload["Initiated"] < before:
                self._client.abort_multipart_upload(
                    Bucket=self._bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
                )

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": f"{self._bucket.prefix}{key}"}

    def _signed(self, operation: str, seconds: int, **parameters: str | int) -> str:
        return str(self._signer.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds))


async def _in_thread(work: Callable[[], T]) -> T:
    """Do what may ask the store, or where credentials come from, outside the event loop."""
    with _unavailable():
        return await asyncio.to_thread(work)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        logger.warning("the object store refused: %s", error)
        raise StorageUnavailableError(
            "The object store does not do what the platform asks of it now.",
            hint="Try again in a while; if it stays so, the platform's operator finds the reason in the gateway's log.",
        ) from error
