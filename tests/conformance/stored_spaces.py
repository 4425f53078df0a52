"""The files of one job as a gateway keeps them: the routes below ``files/`` of the runner protocol."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from qiskit_serverless.spaces.bringing import SMALL
from qiskit_serverless.spaces.bundles import packed, unpacked

Answer = tuple[int, bytes, dict[str, str]]
MODIFIED = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
_NOTHING: Answer = (404, b'{"message": "not here"}', {})


@dataclass
class StoredSpaces:
    """Files by space and path.

    Attributes:
        spaces: Their contents.
        largest: Most bytes of a file.
        lock: Held while a call is served.
    """

    spaces: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"user": {}, "provider": {}})
    largest: int = 2**40
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def user(self) -> dict[str, bytes]:
        """The user's files."""
        return self.spaces["user"]

    def answer(self, method: str, name: str, path: str, part: str | None, body: bytes) -> Answer:
        """Return the answer to a call: ``user/``, ``user/content/``, ``user/contents/`` and ``user/removed/``."""
        space, _, what = name.strip("/").partition("/")
        files = self.spaces[space]
        with self.lock:
            match method, what:
                case "GET", "":
                    return _json({"files": [_listed(*item) for item in sorted(files.items())], "largest": self.largest})
                case "GET", "content":
                    return _part(files[path], part) if path in files else _NOTHING
                case "POST", "contents":
                    asked = json.loads(body)["files"]
                    small = {each: content for each, content in files.items() if len(content) <= SMALL}
                    return 200, packed({each: small.get(each) for each in asked}), {}
                case "POST", "removed":
                    for each, digest in json.loads(body)["files"].items():
                        if each in files and hashlib.sha256(files[each]).hexdigest() == digest:
                            del files[each]
                case "PUT", "contents":
                    files.update({each: content for each, content in unpacked(body).items() if content is not None})
                case "PUT", "content" if len(body) > self.largest:
                    return 413, b'{"message": "too large"}', {}
                case "PUT", "content":
                    files[path] = body
                    return _json(_listed(path, body))
            return _json({})


def _json(value: object) -> Answer:
    return 200, json.dumps(value).encode(), {}


def _listed(path: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"name": path, "size": len(content), "modified": MODIFIED.isoformat(), "sha256": digest}


def _part(content: bytes, asked: str | None) -> Answer:
    tag = hashlib.sha256(content).hexdigest()
    if asked is None:
        return 200, content, {"ETag": tag}
    first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
    if first >= len(content):
        return 416, b"{}", {}
    part = content[first : last + 1]
    return 206, part, {"ETag": tag, "Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(content)}"}
