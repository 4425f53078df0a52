"""All settings of the platform, in one place: each is a field here and an environment variable ``TREADLE_<NAME>``."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from treadle.domain.budget import Budget
from treadle.domain.limits import JobLimits
from treadle.domain.profiles import ENGINE_NAME


class Settings(BaseSettings):
    """Settings of a platform."""

    model_config = SettingsConfigDict(env_prefix="TREADLE_", frozen=True)

    home: Path = Field(Path("~/.treadle"), description="Folder of everything the platform keeps.")
    secrets: Path | None = Field(
        None,
        description="Folder of files that hold settings, each named as its variable, such as `treadle_database`;"
        " the environment wins.",
    )
    database: SecretStr | None = Field(
        None,
        description="PostgreSQL database to use, `postgresql://user:password@host:5432/name`"
        " (docs/postgresql.md); without one, SQLite in the home folder.",
    )
    objects: str | None = Field(
        None,
        description="Bucket and prefix for programs, arguments, results and logs, `s3://bucket/prefix` (docs/s3.md); without"
        " one, folders of the home folder.",
    )
    objects_endpoint: str | None = Field(
        None,
        description="URL of the S3 store, for instance `http://127.0.0.1:9000`; without it, `AWS_ENDPOINT_URL`, or AWS.",
    )
    objects_public_endpoint: str | None = Field(
        None, description="URL by which clients and workers reach the S3 store, if it is another one."
    )
    objects_region: str | None = Field(
        None, description="Region of the bucket; without it, `AWS_REGION`, or `us-east-1`."
    )
    objects_access_key: str | None = Field(
        None, description="Access key for the bucket; without it, credentials are found as by other programs for AWS."
    )
    objects_secret_key: SecretStr | None = Field(None, description="Secret key to the access key.")
    objects_addressing: Literal["path", "virtual"] = Field(
        "path", description="Whether URLs name the bucket in their path or in their host name."
    )
    role: Literal["all", "gateway", "dispatcher"] = Field(
        "all",
        description="Which part of a platform this process is: `gateway` serves, `dispatcher` runs jobs, `all` does both"
        " (docs/several-gateways.md).",
    )
    url: str | None = Field(
        None,
        pattern="^https?://[^/]+.*$",
        examples=["https://treadle.example.com"],
        description="Where programs reach the gateways, for instance a load balancer; by default the gateway of this process.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Key of the platform, 64 hexadecimal digits, the same for all its processes;"
        " without one, `secret.key` in the home folder.",
    )
    owner_token: SecretStr | None = Field(
        None, description="Token of the user `owner`; without one, `token` in the home folder."
    )
    engine: str = Field(
        "local",
        pattern=f"^{ENGINE_NAME}(,{ENGINE_NAME})*$",
        examples=["local,ray"],
        description="Engines that jobs run on, separated by commas; the first is that of jobs whose compute profile names none.",
    )
    ray_address: str | None = Field(
        None,
        pattern=r"^.+:\d+$",
        examples=["10.0.0.5:6379"],
        description="Ray cluster of the engine `ray`, `host:port` of its head (docs/ray.md);"
        " without one, Ray is started on this machine.",
    )
    bind_host: str = Field(
        "127.0.0.1", description="Address to listen on. Others than loopback open it to the network."
    )
    bind_port: int = Field(8642, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    running_jobs: int = Field(
        default_factory=lambda: 4 * (os.cpu_count() or 1), ge=1, description="Jobs that may run at the same time."
    )
    active_jobs_per_user: int = Field(1000, ge=1, description="Jobs of one user that may be queued or running.")
    workers: int = Field(5, ge=1, description="Largest fixed number of workers that a run may ask for.")
    min_workers: int = Field(2, ge=0, description="Largest number of workers that a run may ask to have kept ready.")
    max_workers: int = Field(10, ge=1, description="Largest number of workers that a run may ask to scale to.")
    lease_seconds: float = Field(
        30.0,
        ge=1,
        description="How long a running job may give no sign of life before it is looked after, by another dispatcher if its"
        " own is gone.",
    )
    job_cpu: float = Field(
        default_factory=lambda: float(os.cpu_count() or 1), gt=0, description="CPU cores of a job's budget."
    )
    job_gpu: float = Field(0.0, ge=0, description="GPUs of a job's budget.")
    job_memory: int = Field(
        default_factory=lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        gt=0,
        description="Memory of a job's budget, in bytes.",
    )
    strict_budget: bool = Field(
        False, description="Refuse tasks that ask for more than the budget, instead of clamping them with a warning."
    )
    compute_profiles: Path | None = Field(
        None,
        description="TOML file of the compute profiles that jobs may ask for; without one, every job has the same budget.",
    )
    largest_body: int = Field(2**30, gt=0, description="Largest body of a request that is no file, in bytes.")
    largest_value: int = Field(
        16 * 2**30,
        gt=0,
        description="Largest arguments or result with binary parts (docs/value-container.md), also unpacked, in bytes.",
    )
    largest_file: int = Field(100 * 2**30, gt=0, description="Largest file that can be uploaded, in bytes.")
    cors_origins: re.Pattern[str] = Field(
        re.compile(r"http://localhost(:\d+)?"),
        description="Regular expression of the origins whose web pages may read the API's answers.",
    )
    arguments_schema_cpu_limit_seconds: float = Field(
        1.0, ge=1, le=5, description="CPU time for checking a job's arguments against the schema of its function."
    )
    arguments_schema_memory_limit_mb: int = Field(
        128,
        ge=64,
        le=256,
        description="Memory for checking a job's arguments against the schema of its function, in MiB.",
    )
    grace_seconds: float = Field(2.0, ge=0, description="Time a stopped program has before it is killed.")
    allowed_packages: Path | None = Field(
        None, description="File with the requirements that functions may ask for, one a line; none allows all."
    )
    build_packages: bool = Field(
        False, description="Build packages that have no wheel, which runs their code with the platform's rights."
    )
    solve_seconds: float = Field(25.0, gt=0, description="Longest time to solve the dependencies of an upload.")
    build_seconds: float = Field(1800.0, gt=0, description="Longest time of each step of building an environment.")
    environment_bytes: int = Field(
        20 * 2**30,
        ge=0,
        description="Room that environments may take on disk, in bytes; above, the least recently used go.",
    )
    warm_environments: int = Field(
        4, ge=1, description="Environments whose processes stay ready to start programs, besides the platform's own."
    )
    delivery_seconds: float = Field(
        10.0,
        gt=0,
        description="Time between two deliveries of what running programs have changed, where their files lie in a bucket.",
    )
    wall_seconds: float | None = Field(None, gt=0, description="Longest run of a program; none by default.")

    @field_validator("secrets")
    @classmethod
    def _is_a_folder(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise ValueError("There is no such folder")
        return path

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look for a setting in the arguments, then in the environment, then among the files of ``TREADLE_SECRETS``."""
        folder = os.environ.get("TREADLE_SECRETS")
        files = SecretsSettingsSource(settings_cls, folder if folder and Path(folder).is_dir() else None)
        return named["init_settings"], named["env_settings"], files

    @property
    def home_folder(self) -> Path:
        """The home folder as an absolute path."""
        return self.home.expanduser().absolute()

    @property
    def database_url(self) -> str | None:
        """Address of the PostgreSQL database with its password, not to be shown; None for SQLite."""
        return self.database.get_secret_value() if self.database is not None else None

    @property
    def secret_key_text(self) -> str | None:
        """The platform's key, not to be shown; None for that of the home folder."""
        return self.secret_key.get_secret_value() if self.secret_key is not None else None

    @property
    def engine_names(self) -> list[str]:
        """Names of the engines, the usual one first."""
        return list(dict.fromkeys(self.engine.split(",")))

    @property
    def lease(self) -> timedelta:
        """How long a running job may give no sign of life."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def budget(self) -> Budget:
        """What each job may use."""
        return Budget(self.job_cpu, self.job_gpu, self.job_memory, self.strict_budget)

    @property
    def job_limits(self) -> JobLimits:
        """Limits of jobs."""
        return JobLimits(self.active_jobs_per_user, self.workers, self.min_workers, self.max_workers)
