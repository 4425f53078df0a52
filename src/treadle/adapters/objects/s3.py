"""A bucket of an S3-compatible store: how it is reached, with which credentials, and whether it can be used at all.

botocore finds the credentials and signs what obstore cannot sign; obstore carries the bytes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from obstore.store import S3Store

from treadle.domain.errors import SettingsError

if TYPE_CHECKING:
    from obstore.store import S3Credential

_CREDENTIALS_SECONDS = 600  # after which they are looked up again: those of a role change
_PROBE = "conditional-writes"
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 30
_RETRIES = 5
_RETRY_SECONDS = 20  # a caller waits no longer; the platform's own clients try again later
_NO_CREDENTIALS = (
    "TREADLE_OBJECTS_ACCESS_KEY and TREADLE_OBJECTS_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where a platform's objects lie.

    Attributes:
        url: ``s3://bucket/prefix``.
        endpoint: Base URL of the store; None for the one that AWS_ENDPOINT_URL names, or AWS itself.
        public_endpoint: Base URL by which clients and workers reach it; None for the same.
        region: Its region; None for the one that AWS_REGION or AWS_DEFAULT_REGION names, or ``us-east-1``.
        access_key: Who the platform is; None to look where programs for AWS look (variables, files, roles).
        secret_key: The secret to it.
        addressing: ``path`` or ``virtual``: whether the bucket is named in the path or in the host name of URLs.
    """

    url: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    addressing: str = "path"


class Bucket:
    """An opened bucket.

    Attributes:
        name: The bucket.
        prefix: What all keys begin with there, with a slash at its end, or empty.
        client: botocore's client, which blocks.
        store: obstore's store; it adds the prefix by itself.
    """

    def __init__(self, location: S3Location) -> None:
        """Prepare to use a bucket; nothing is asked of the store yet.

        Raises:
            SettingsError: A setting makes no sense, or there are no credentials.
        """
        parts = urlsplit(location.url)
        if parts.scheme != "s3" or not parts.netloc:
            raise SettingsError(f"TREADLE_OBJECTS is {location.url!r}.", hint="It should be s3://bucket/prefix.")
        path = parts.path.strip("/")
        self.name, self.prefix = parts.netloc, f"{path}/" if path else ""
        self._location = location
        self._session = _session(location)
        self.client = self._client(location.endpoint)
        self.store = self._store(path)

    def signer(self) -> Any:  # noqa: ANN401  (botocore makes its classes at run time)
        """Return a client whose URLs are those by which clients and workers reach the store."""
        public = self._location.public_endpoint
        return self._client(public) if public is not None else self.client

    def check(self) -> None:
        """See that the bucket can be used.

        Raises:
            SettingsError: It cannot, with the setting that is wrong.
        """
        with self._setting_errors():
            self.client.list_objects_v2(Bucket=self.name, Prefix=self.prefix, MaxKeys=1)
            first = self._create_probe()
            if first and self._create_probe():
                raise SettingsError(
                    f"The store at {self.client.meta.endpoint_url} overwrites what it was told only to create.",
                    hint="Use one that honours If-None-Match, as AWS, MinIO, Ceph and SeaweedFS do: logs need it.",
                )

    def _create_probe(self) -> bool:
        """Write a small object unless it is there. Returns whether it was written."""
        try:
            self.client.put_object(Bucket=self.name, Key=f"{self.prefix}{_PROBE}", Body=b"", IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    @contextmanager
    def _setting_errors(self) -> Iterator[None]:
        endpoint = self.client.meta.endpoint_url
        try:
            yield
        except ClientError as error:
            raise _wrong_setting(error, self.name, endpoint) from error
        except BotoCoreError as error:
            raise SettingsError(
                f"The object store does not answer at {endpoint}: {error}.",
                hint="Check TREADLE_OBJECTS_ENDPOINT, and that the store runs.",
            ) from error

    def _client(self, endpoint: str | None) -> Any:  # noqa: ANN401  (botocore makes its classes at run time)
        configuration = Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _RETRIES},
            s3={"addressing_style": self._location.addressing},
            request_checksum_calculation="when_required",  # newer ones are unknown to many stores
            response_checksum_validation="when_required",
        )
        try:
            return self._session.create_client("s3", endpoint_url=endpoint, config=configuration)
        except (BotoCoreError, ValueError) as error:
            raise SettingsError(
                f"The object store cannot be used: {error}.", hint="Check TREADLE_OBJECTS_ENDPOINT and _REGION."
            ) from error

    def _store(self, prefix: str) -> S3Store:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SettingsError("There are no credentials for the object store.", hint=f"Set {_NO_CREDENTIALS}.")

        def current() -> "S3Credential":
            frozen = credentials.get_frozen_credentials()
            return {
                "access_key_id": frozen.access_key,
                "secret_access_key": frozen.secret_key,
                "token": frozen.token,
                "expires_at": datetime.now(UTC) + timedelta(seconds=_CREDENTIALS_SECONDS),
            }

        endpoint, virtual = self.client.meta.endpoint_url, self._location.addressing == "virtual"
        if virtual:  # obstore takes the bucket's own host name then
            scheme, _, host = endpoint.partition("://")
            endpoint = f"{scheme}://{self.name}.{host}"
        return S3Store(
            self.name,
            prefix=prefix or None,
            endpoint=endpoint,
            region=self.client.meta.region_name,
            virtual_hosted_style_request=virtual,
            credential_provider=current,
            client_options={"allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
        )


def error_code(error: ClientError) -> str:
    """Return the store's name for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _session(location: S3Location) -> botocore.session.Session:
    session = botocore.session.Session()
    if location.access_key is not None and location.secret_key is not None:
        session.set_credentials(location.access_key, location.secret_key)
    elif location.access_key is not None or location.secret_key is not None:
        raise SettingsError(
            "Of TREADLE_OBJECTS_ACCESS_KEY and TREADLE_OBJECTS_SECRET_KEY only one is set.", hint="Set both, or none."
        )
    region = location.region or os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"
    session.set_config_variable("region", region)
    return session


def _wrong_setting(error: ClientError, bucket: str, endpoint: str) -> SettingsError:
    code = error_code(error)
    if code in ("NoSuchBucket", "404"):
        return SettingsError(
            f"The object store at {endpoint} has no bucket {bucket!r}.", hint="Make it, or change TREADLE_OBJECTS."
        )
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"):
        return SettingsError(
            f"The bucket {bucket!r} is in another region ({code}).", hint="Set TREADLE_OBJECTS_REGION to its region."
        )
    return SettingsError(
        f"The object store at {endpoint} refuses the platform's credentials for the bucket {bucket!r} ({code}).",
        hint=f"Check {_NO_CREDENTIALS}, and that they may list, read, write and delete there.",
    )
