"""Where a platform keeps what it is given, as its settings say."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from treadle.adapters.clock import SystemClock
from treadle.adapters.database.opening import open_database, open_postgresql
from treadle.adapters.files.folder import FolderFiles
from treadle.adapters.files.objects import ObjectFiles
from treadle.adapters.logs.folder import FolderLogs
from treadle.adapters.logs.objects import ObjectLogs
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.wakeups.in_process import InProcessWakeUps
from treadle.domain.errors import SettingsError
from treadle.ports.files import FileStore
from treadle.ports.logs import LogStore
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database
from treadle.ports.transfers import Transfers
from treadle.ports.wakeups import WakeUps
from treadle.settings import Settings

if TYPE_CHECKING:
    from treadle.adapters.objects.s3 import Bucket


@dataclass(frozen=True, slots=True)
class Stores:
    """What a platform's state lives in.

    Attributes:
        database: Users, functions, jobs.
        wakeups: How one part of the platform hears of another's changes.
        objects: Artifacts, arguments, results.
        transfers: How clients and workers reach the objects themselves; None where they cannot.
        logs: Logs of jobs.
        files: Files of users and providers.
    """

    database: Database
    wakeups: WakeUps
    objects: ObjectStore
    transfers: Transfers | None
    logs: LogStore
    files: FileStore


def open_stores(settings: Settings) -> Stores:
    """Open the stores of a platform, in its home folder unless the settings name others.

    Raises:
        SettingsError: A store that the settings name cannot be used.
    """
    home = settings.home_folder
    bucket, database = _open_bucket(settings), _open_database(settings)
    objects = ObstoreObjects.in_folder(home / "objects") if bucket is None else ObstoreObjects(bucket.store)
    transfers = _transfers(bucket)
    return Stores(
        database=database,
        wakeups=_open_wakeups(settings),
        objects=objects,
        transfers=transfers,
        logs=FolderLogs(home / "logs") if bucket is None else ObjectLogs(bucket.store),
        files=FolderFiles(home / "data")
        if bucket is None
        else ObjectFiles(database, objects, SystemClock(), transfers),
    )


def _open_wakeups(settings: Settings) -> WakeUps:
    if settings.database_url is None:
        return InProcessWakeUps()
    from treadle.adapters.wakeups.postgresql import PostgresqlWakeUps  # the driver, which SQLite does without

    return PostgresqlWakeUps(settings.database_url)


def _open_database(settings: Settings) -> Database:
    if settings.database_url is not None:
        return open_postgresql(settings.database_url)
    return open_database(settings.home_folder / "treadle.db")


def _open_bucket(settings: Settings) -> "Bucket | None":
    if settings.objects is None:
        return None
    try:
        from treadle.adapters.objects.s3 import Bucket, S3Location
    except ModuleNotFoundError as error:
        raise SettingsError(
            "TREADLE_OBJECTS names a bucket, and botocore is not installed.",
            hint='Run pip install "treadle[server,s3]".',
        ) from error

    secret = settings.objects_secret_key
    bucket = Bucket(
        S3Location(
            url=settings.objects,
            endpoint=settings.objects_endpoint,
            public_endpoint=settings.objects_public_endpoint,
            region=settings.objects_region,
            access_key=settings.objects_access_key,
            secret_key=secret.get_secret_value() if secret is not None else None,
            addressing=settings.objects_addressing,
        )
    )
    bucket.check()
    return bucket


def _transfers(bucket: "Bucket | None") -> Transfers | None:
    if bucket is None:
        return None
    from treadle.adapters.objects.s3_transfers import S3Transfers

    return S3Transfers(bucket)
