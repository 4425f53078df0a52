# Made from aio/data.py by `make sdk`. Change it there.
"""Files that a platform keeps for a function, where its programs find them."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qiskit_serverless.connections import Query
from qiskit_serverless.data_files import (
    DataFile,
    ReceivedFile,
    SentFile,
    file_target,
    local_files,
    local_target,
    receiving,
    total_size,
)
from qiskit_serverless.exceptions import GatewayConnectionError, GatewayUnavailableError, NotFoundError
from qiskit_serverless.progress import Bar, progress_bar
from qiskit_serverless.sync.transport import Transport, paused

if TYPE_CHECKING:
    import httpx2

QUIET_SECONDS = 600.0
"""So long a gateway may be silent while it stores a file or reads one for its checksum."""

DataFiles: TypeAlias = list[DataFile]


class Data:
    """The files kept for a function, in folders as on a disk. Programs find them in the folder that ``DATA_PATH`` names.

    Functions without a provider share one such folder for each user; a function of a provider has one of its own for each user,
    and one more for the provider, ``FUNCTION_DATA_PATH`` to its programs.
    """

    def __init__(self, transport: Transport, path: str, query: Query) -> None:
        """Name the files.

        Args:
            transport: The way to the gateway.
            path: Path of these files on the gateway.
            query: What names the function there.
        """
        self._transport = transport
        self._path = path
        self._query = query

    def names(self) -> list[str]:
        """Return the names of the files that lie in no folder."""
        answer = self._transport.request("GET", self._path, params=self._query)
        return list(answer.json().get("results", []))

    def list(self, folder: str = "", *, checksums: bool = True) -> DataFiles:
        """Return all files, also those in folders.

        Args:
            folder: Only what lies in this folder.
            checksums: Whether to tell their SHA-256; the platform has to read those it does not know yet.
        """
        asked = {"details": "true", "folder": folder, "checksums": str(checksums).lower()}
        answer = self._transport.request("GET", self._path, params={**self._query, **asked})
        return [DataFile.from_json(record) for record in answer.json().get("results", [])]

    def upload(self, source: str | Path, name: str | None = None, *, progress: bool | None = None) -> DataFiles:
        """Upload a file, or a folder with all that is in it. What was there under the same names is replaced.

        Args:
            source: The file or folder.
            name: What it shall be called, by default what it is called here. It may lie in folders: ``runs/1/input.csv``.
            progress: Whether to show how far it is; by default at a terminal and in a notebook.

        Returns:
            The files as the platform has them.

        Raises:
            OSError: A file cannot be read.
            ChecksumError: A file was changed on its way.
            GatewayError: The gateway does not take it: the name leads out of the folder, the file is too large, the disk is full.
        """
        files = local_files(Path(source), name)
        total = total_size(*(path for path, _ in files))
        with progress_bar(f"Uploading {Path(source).name}", total, progress) as bar:
            return [self._send(path, each, bar) for path, each in files]

    def upload_flat(self, source: str | Path, *, progress: bool | None = None) -> str:
        """Upload a file under the name that the gateway makes of its own, and return what the gateway says to that."""
        path = Path(source)
        with (
            progress_bar(f"Uploading {Path(source).name}", total_size(path), progress) as bar,
            SentFile(path, bar) as sent,
        ):
            answer = self._post(sent, self._query)
            return str(answer.text)

    def download(self, name: str, target: str | Path | None = None, *, progress: bool | None = None) -> Path:
        """Download a file, or a folder with all that is in it. A connection that breaks is taken up where it broke.

        Args:
            name: Name of the file or folder.
            target: Where it shall lie on this machine, by default in the current folder under its own last name.
                A file goes into `target` if that is a folder.
            progress: Whether to show how far it is; by default at a terminal and in a notebook.

        Returns:
            Where it lies.

        Raises:
            NotFoundError: There is neither a file nor a folder of this name.
            ChecksumError: A file was changed on its way.
            OSError: A file cannot be written.
        """
        name = name.rstrip("/")
        own = name.rpartition("/")[2]
        place = Path(own if target is None else target)
        try:
            return self.download_file(name, file_target(place, own), progress=progress)
        except NotFoundError:
            inside = [file for file in self.list(name, checksums=False) if file.name.startswith(f"{name}/")]
            if not inside:
                raise
        with progress_bar(f"Downloading {own}", sum(file.size or 0 for file in inside), progress) as bar:
            for each in inside:
                relative = each.name.removeprefix(f"{name}/")
                self._receive(each.name, local_target(place, relative), bar)
        return place

    def download_file(self, name: str, target: Path, *, progress: bool | None = None) -> Path:
        """Download one file to exactly this place; otherwise as `download`."""
        with progress_bar(f"Downloading {target.name}", None, progress) as bar:
            self._receive(name, target, bar)
        return target

    def delete(self, name: str) -> str:
        """Remove a file, and return what the gateway says to that.

        Raises:
            NotFoundError: There is no such file.
        """
        answer = self._transport.request("DELETE", f"{self._path}delete/", params={**self._query, "file": name})
        return str(answer.json().get("message", ""))

    def _send(self, path: Path, name: str, bar: Bar) -> DataFile:
        with SentFile(path, bar) as sent:
            answer = self._post(sent, {**self._query, "file": name})
            stored = DataFile.from_json(answer.json().get("file", name))
            sent.check(stored)
            return stored

    def _post(self, sent: SentFile, query: Query) -> "httpx2.Response":
        """Send a file. It may be sent again: it is stored as a whole, in place of what was there."""
        files = {"file": (sent.path.name, sent)}
        return self._transport.request(
            "POST", f"{self._path}upload/", params=query, files=files, repeatable=True, quiet_seconds=QUIET_SECONDS
        )

    def _receive(self, name: str, target: Path, bar: Bar) -> None:
        pauses = self._transport.patience.pauses()
        with receiving(target, bar) as received:
            while not received.complete:
                position = received.position
                try:
                    self._go_on(name, received)
                except (GatewayConnectionError, GatewayUnavailableError):
                    if received.position > position:  # the gateway is there again, so patience begins anew
                        pauses = self._transport.patience.pauses()
                    if not paused(pauses):
                        raise

    def _go_on(self, name: str, received: ReceivedFile) -> None:
        """Receive what is missing of a file."""
        path, query = f"{self._path}download/", {**self._query, "file": name}
        with self._transport.content(path, query, received.headers(), QUIET_SECONDS) as answer:
            received.begin(answer)
            for chunk in answer.iter_bytes():
                received.add(chunk)
        received.end()
