"""Values that are uploaded past the gateway: hostile until they were looked at, and nothing before they were committed."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from qiskit_serverless.encodings import LARGE
from qiskit_serverless.object_store import UploadOffer, download, upload
from qiskit_serverless.serialization.container import MEDIA_TYPE
from qiskit_serverless.serialization.packing import pack
from treadle.adapters.clock import SystemClock
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.objects.s3 import Bucket
from treadle.adapters.objects.s3_transfers import S3Transfers
from treadle.domain.errors import InvalidError, NotFoundError, TooLargeError, TreadleError
from treadle.ports.transfers import PartialUpload
from treadle.services.direct_values import DirectValues, Uploaded
from treadle.services.values import Values

pytestmark = pytest.mark.anyio

KEY = "results/job.1.json"
LARGEST, LARGEST_TEXT = 5 * LARGE, 2 * LARGE
CONTAINER = b"".join(
    bytes(piece) for piece in pack({"array": np.random.default_rng(1).random(LARGE // 4)}, "result", "sent")
)


@pytest.fixture
def objects(bucket: Bucket) -> ObstoreObjects:
    return ObstoreObjects(bucket.store)


@pytest.fixture
def values(objects: ObstoreObjects) -> Values:
    return Values(objects, LARGEST, LARGEST_TEXT)


@pytest.fixture
def direct(bucket: Bucket, objects: ObstoreObjects, values: Values) -> DirectValues:
    return DirectValues(values, objects, S3Transfers(bucket), SystemClock(), LARGEST)


def sent(begun: PartialUpload, data: bytes) -> Uploaded:
    """Put all parts where they belong."""
    offer = UploadOffer(begun.upload_id, begun.part_size, begun.urls)
    told = upload(offer, len(data), lambda start, length: data[start : start + length])
    return Uploaded(told["upload"], told["parts"])


def put(url: str, data: bytes) -> None:
    with urlopen(Request(url, data=data, method="PUT")):
        pass


@pytest.mark.parametrize("data", [CONTAINER, b'"' + b"x" * LARGE + b'"'], ids=["container", "text"])
async def test_what_was_uploaded_is_a_value_once_it_was_committed(
    direct: DirectValues, values: Values, objects: ObstoreObjects, data: bytes
) -> None:
    uploaded = sent(await direct.begin(KEY, "result", len(data)), data)
    assert await values.open(KEY) is None
    for _ in range(2):  # the answer was lost, and it is committed again
        await direct.commit(KEY, "result", uploaded)
    assert await objects.get(KEY) == data

    stored = await values.open(KEY)
    assert stored is not None
    url = await direct.location(stored)
    assert url is not None
    target = BytesIO()
    assert download(url, stored.size, target) == (MEDIA_TYPE if data is CONTAINER else "application/json")
    assert target.getvalue() == data


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"\xff" * LARGE, InvalidError, "result cannot be stored: 'utf-8' codec"),
        (CONTAINER + b"more", InvalidError, "more than one"),
        (CONTAINER[:LARGE], InvalidError, "only the beginning"),
        (b"x" * (LARGEST_TEXT + 1), TooLargeError, f"takes {LARGEST_TEXT} at most"),
    ],
    ids=["no text", "more than a container", "less than a container", "too much text"],
)
async def test_what_is_no_value_is_refused_and_thrown_away(
    direct: DirectValues, objects: ObstoreObjects, data: bytes, error: type[TreadleError], words: str
) -> None:
    uploaded = sent(await direct.begin(KEY, "result", len(data)), data)
    with pytest.raises(error, match=words):
        await direct.commit(KEY, "result", uploaded)
    assert await objects.get(KEY) is None


async def test_sizes_are_agreed_on_before_anything_is_sent(direct: DirectValues) -> None:
    with pytest.raises(TooLargeError, match=f"takes {LARGEST} at most"):
        await direct.begin(KEY, "result", LARGEST + 1)
    with pytest.raises(InvalidError, match=f"from {LARGE} on"):
        await direct.begin(KEY, "result", LARGE - 1)
    begun = await direct.begin(KEY, "result", LARGE)
    with pytest.raises(HTTPError, match="403"):
        put(begun.urls[0], b"x" * (LARGE + 1))


async def test_parts_that_were_not_uploaded_make_no_value(direct: DirectValues, objects: ObstoreObjects) -> None:
    uploaded = sent(await direct.begin(KEY, "result", len(CONTAINER)), CONTAINER)
    for etags in (['"0123456789abcdef0123456789abcdef"'], [*uploaded.etags, uploaded.etags[0]]):
        with pytest.raises(InvalidError, match="not those that were uploaded"):
            await direct.commit(KEY, "result", Uploaded(uploaded.upload_id, etags))
    with pytest.raises(InvalidError, match="not there"):
        await direct.commit("results/other.1.json", "result", uploaded)
    assert await objects.get(KEY) is None


async def test_urls_of_parts_are_dead_once_they_were_committed(direct: DirectValues, objects: ObstoreObjects) -> None:
    begun = await direct.begin(KEY, "result", len(CONTAINER))
    await direct.commit(KEY, "result", sent(begun, CONTAINER))
    with pytest.raises(HTTPError, match="404"):
        put(begun.urls[0], CONTAINER[: begun.part_size])
    assert await objects.get(KEY) == CONTAINER


def unfinished(bucket: Bucket) -> list[object]:
    found = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix=bucket.prefix)
    return list(found.get("Uploads", []))


async def test_what_was_never_committed_is_swept(bucket: Bucket, direct: DirectValues) -> None:
    transfers = S3Transfers(bucket)
    uploaded = sent(await direct.begin(KEY, "result", LARGE), b"x" * LARGE)
    await transfers.sweep(datetime.now(UTC) - timedelta(hours=1))
    assert len(unfinished(bucket)) == 1
    await transfers.sweep(datetime.now(UTC) + timedelta(hours=1))
    assert unfinished(bucket) == []
    with pytest.raises(InvalidError, match="not there"):
        await direct.commit(KEY, "result", uploaded)


async def test_a_platform_without_such_a_store_takes_nothing_past_its_gateway(
    values: Values, objects: ObstoreObjects
) -> None:
    direct = DirectValues(values, objects, None, SystemClock(), LARGEST)
    assert not direct.offered
    with pytest.raises(NotFoundError, match="gateway only"):
        await direct.begin(KEY, "result", LARGE)
