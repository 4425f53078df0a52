"""What is particular to objects in S3: which setting is wrong, and a store that is away."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from obstore.store import S3Store

from tests.s3 import S3Server
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.objects.s3 import Bucket, S3Location
from treadle.domain.errors import SettingsError, StorageUnavailableError
from treadle.ports.objects import ObjectStore

pytestmark = pytest.mark.anyio
NOBODY_LISTENS = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def wrong(s3: S3Server) -> Iterator[tuple[S3Location, str]]:
    right = s3.location()
    yield replace(right, secret_key="wrong"), "TREADLE_OBJECTS_SECRET_KEY"
    yield replace(right, access_key="nobody"), "TREADLE_OBJECTS_ACCESS_KEY"
    yield replace(right, url="s3://another/prefix"), "no bucket 'another'.*TREADLE_OBJECTS"
    yield replace(right, endpoint=NOBODY_LISTENS), "does not answer.*TREADLE_OBJECTS_ENDPOINT"


def test_a_bucket_that_can_be_used_is_found_to_be(s3: S3Server) -> None:
    location = s3.location()
    Bucket(location).check()
    Bucket(location).check()  # also when it was used before


def test_a_wrong_setting_is_named_before_anything_is_stored(s3: S3Server) -> None:
    for location, words in wrong(s3):
        with pytest.raises(SettingsError) as refused:
            Bucket(location).check()
        assert_says(refused.value, words)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (S3Location("http://bucket/prefix"), "s3://bucket/prefix"),
        (S3Location("s3://"), "s3://bucket/prefix"),
        (S3Location("s3://bucket"), "no credentials.*AWS_ACCESS_KEY_ID"),
        (S3Location("s3://bucket", access_key="a"), "only one is set"),
        (S3Location("s3://bucket", endpoint="nonsense", access_key="a", secret_key="b"), "TREADLE_OBJECTS_ENDPOINT"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(location: S3Location, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Bucket(location)
    assert_says(refused.value, words)


def assert_says(error: SettingsError, words: str) -> None:
    assert pytest.RaisesExc(SettingsError, match=words).matches(SettingsError(f"{error} {error.hint}"))


def test_what_programs_for_aws_are_told_is_understood(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    right = s3.location()
    assert right.access_key is not None
    assert right.secret_key is not None
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", right.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", right.secret_key)
    bucket = Bucket(S3Location(right.url))
    bucket.check()
    assert bucket.client.meta.region_name == "eu-west-3"
    assert right.secret_key not in repr(right)


async def test_two_prefixes_of_a_bucket_know_nothing_of_each_other(s3: S3Server) -> None:
    one, other = ObstoreObjects(Bucket(s3.location()).store), ObstoreObjects(Bucket(s3.location()).store)
    await one.put("results/1", b"mine")
    assert await other.get("results/1") is None


async def test_a_store_that_is_away_is_no_store_without_the_object() -> None:
    objects: ObjectStore = ObstoreObjects(
        S3Store(
            "objects",
            endpoint=NOBODY_LISTENS,
            access_key_id="a",
            secret_access_key="b",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
    )
    with pytest.raises(StorageUnavailableError) as refused:
        await objects.get("results/1")
    assert refused.value.http_status == 503
    assert "127.0.0.1" not in f"{refused.value} {refused.value.hint}"
    for call in (objects.open("results/1"), objects.put("results/1", b""), objects.delete("results/1")):
        with pytest.raises(StorageUnavailableError):
            await call
