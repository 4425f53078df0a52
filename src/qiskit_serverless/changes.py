"""What of an artifact has to be sent to a gateway that has an earlier version of it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qiskit_serverless.artifacts import tar_of

WORTH_ASKING = 128 * 1024
"""Bytes of an artifact from which it pays to ask the gateway what it has: sending less takes no longer than the question."""

_LONGEST_LIST = 8 * 1024**2  # characters; the gateway takes no much longer ones


@dataclass(frozen=True, slots=True)
class Changes:
    """An artifact as what is new in it.

    Attributes:
        form: Fields of the upload's form that say which version has the rest.
        artifact: Tar file of what is new, None if nothing is.
    """

    form: dict[str, str]
    artifact: bytes | None


def changes_of(artifact: bytes, manifest: dict[str, Any]) -> Changes | None:
    """Return an artifact as what is new in it, None when it is as well sent in whole.

    Args:
        artifact: An artifact of ours.
        manifest: The gateway's record of the files of an earlier version.
    """
    digest = hashlib.sha256(artifact).hexdigest()
    form = {"base_version": str(manifest["number"]), "artifact_digest": digest}
    if digest == manifest["artifact_digest"]:
        return Changes(form, None)
    files = [
        (path, executable, content, hashlib.sha256(content).hexdigest())
        for path, executable, content in _files(artifact)
    ]
    if not all(_is_text(path) for path, *_ in files):  # a name that JSON cannot carry
        return None
    known = {file["sha256"] for file in manifest["files"]}
    listed = [{"path": path, "executable": executable, "sha256": sha256} for path, executable, _, sha256 in files]
    form["files"] = json.dumps(listed, separators=(",", ":"))
    new = tar_of((path, executable, content) for path, executable, content, sha256 in files if sha256 not in known)
    pays = len(form["files"]) + len(new) < len(artifact) and len(form["files"]) <= _LONGEST_LIST
    return Changes(form, new) if pays else None


def _files(artifact: bytes) -> Iterator[tuple[str, bool, memoryview]]:
    view = memoryview(artifact)
    with tarfile.open(fileobj=io.BytesIO(artifact), mode="r:") as archive:
        for member in archive:
            yield member.name, bool(member.mode & 0o100), view[member.offset_data : member.offset_data + member.size]


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
