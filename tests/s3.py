"""A real S3 server for tests: SeaweedFS in a process of its own, on loopback."""

import contextlib
import ctypes
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from treadle.adapters.objects.s3 import Bucket, S3Location

ACCESS_KEY = "treadle"
SECRET_KEY = "not-so-secret"  # of a server that only this machine reaches, for as long as the tests take
_READY_SECONDS = 30
_PARTS = ("master", "volume", "filer", "s3")
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_libc = ctypes.CDLL(None)


@dataclass
class S3Server:
    """A server with one bucket.

    Attributes:
        port: Where it listens, on loopback.
        bucket: Name of its bucket.
    """

    port: int
    bucket: str = "objects"
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def endpoint(self) -> str:
        """Base URL. Its host name differs from that of the tests' gateways, as a store's does in real life."""
        return f"http://localhost:{self.port}"

    def new_url(self) -> str:
        """Return a value for TREADLE_OBJECTS: a prefix in the bucket that nobody else uses."""
        return f"s3://{self.bucket}/test/{next(self._numbers)}"

    def location(self, url: str | None = None) -> S3Location:
        """Return where objects lie: below a new prefix unless `url` says otherwise."""
        return S3Location(url or self.new_url(), endpoint=self.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY)

    def settings(self, url: str | None = None) -> dict[str, str]:
        """Return the settings of a platform that keeps its objects here, below a new prefix unless `url` says otherwise."""
        return {
            "TREADLE_OBJECTS": url or self.new_url(),
            "TREADLE_OBJECTS_ENDPOINT": self.endpoint,
            "TREADLE_OBJECTS_ACCESS_KEY": ACCESS_KEY,
            "TREADLE_OBJECTS_SECRET_KEY": SECRET_KEY,
        }

    def keys(self, url: str) -> list[str]:
        """Return the keys below a prefix, without it."""
        bucket = Bucket(self.location(url))
        pages = bucket.client.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=bucket.prefix)
        return [each["Key"].removeprefix(bucket.prefix) for page in pages for each in page.get("Contents", [])]

    def read(self, url: str, key: str) -> bytes:
        """Return what a key below a prefix holds."""
        bucket = Bucket(self.location(url))
        content: bytes = bucket.client.get_object(Bucket=bucket.name, Key=bucket.prefix + key)["Body"].read()
        return content


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server in a folder of its own; it ends with the tests, however they end."""
    with tempfile.TemporaryDirectory(prefix="s3-", ignore_cleanup_errors=True) as folder:
        ports = _free_ports(2 * len(_PARTS))
        process = _start(Path(folder), ports)
        try:
            server = S3Server(ports["s3.port"])
            _wait(process, server, Path(folder, "log"))
            yield server
        finally:
            process.kill()
            process.wait()
            for port in ports.values():  # it puts sockets beside the home folders of all programs, and leaves them
                for path in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                    path.unlink(missing_ok=True)


def _free_ports(number: int) -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        numbers = [listener.getsockname()[1] for listener in listeners]
    names = [f"{part}.port{kind}" for part in _PARTS for kind in ("", ".grpc")]
    return dict(zip(names, numbers, strict=True))


def _start(folder: Path, ports: dict[str, int]) -> "subprocess.Popen[bytes]":
    identity = {
        "name": "treadle",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    options: dict[str, Any] = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "s3": "true",
        "s3.config": folder / "s3.json",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 40,
        **ports,
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                Path(sys.executable).with_name("weed"),
                "server",
                *(f"-{name}={value}" for name, value in options.items()),
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            preexec_fn=_end_with_the_tests,
        )


def _wait(process: "subprocess.Popen[bytes]", server: S3Server, log: Path) -> None:
    """Wait until the server answers, and make its bucket."""
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(server.endpoint):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the S3 server did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
    client = Bucket(server.location()).client
    client.create_bucket(Bucket=server.bucket)
    client.put_object(Bucket=server.bucket, Key="first", Body=b"")  # it makes its volumes with the first object


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/status", timeout=5):
            return True
    except (URLError, OSError):
        return False


def _end_with_the_tests() -> None:
    """Let the kernel kill this new process when the one that starts it dies, as it does when a test takes too long."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
