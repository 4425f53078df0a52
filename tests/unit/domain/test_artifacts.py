"""What an artifact is made of, and an artifact made of files from here and there."""

import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest

from qiskit_serverless.artifacts import tar_of
from treadle.domain.artifacts import artifact_files
from treadle.domain.errors import ConflictError, InvalidError, NotFoundError, TooLargeError
from treadle.domain.manifests import Assembly, ManifestFile, assembled, content_of, manifest_of

LARGE = 10**6


def tar(**contents: str) -> bytes:
    return tar_of((f"{name}.py", name.startswith("run"), text.encode()) for name, text in contents.items())


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def assembly_of(artifact: bytes) -> Assembly:
    return Assembly("1", tuple(manifest_of(artifact)), sha256(artifact))


def foreign_tar(*members: tuple[str, Callable[[tarfile.TarInfo], None]]) -> bytes:
    """Return a tar file that our own client would not make."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, change in members:
            member = tarfile.TarInfo(name)
            member.size = 3
            change(member)
            archive.addfile(member, io.BytesIO(b"abc"))
    return buffer.getvalue()


def plain(member: tarfile.TarInfo) -> None:
    member.mode = 0o644


def link(member: tarfile.TarInfo) -> None:
    member.type, member.size, member.linkname = tarfile.SYMTYPE, 0, "/etc/passwd"


def test_a_manifest_tells_path_size_digest_and_mode_of_each_file() -> None:
    assert manifest_of(tar(main="print()", run="")) == [
        ManifestFile("main.py", sha256(b"print()"), False, 7),
        ManifestFile("run.py", sha256(b""), True, 0),
    ]


def test_of_two_files_with_the_same_path_the_last_one_counts_as_when_they_are_unpacked() -> None:
    twice = tar_of([("a.py", False, b"old"), ("./a.py", False, b"new")])
    assert [file.sha256 for file in manifest_of(twice)] == [sha256(b"new")]
    assert content_of(twice, "a.py") == b"new"
    with pytest.raises(NotFoundError, match=r"no file 'b\.py'"):
        content_of(twice, "b.py")


def test_an_artifact_is_made_of_what_is_here_and_what_was_sent() -> None:
    base, sent = tar(main="old", data="x" * 5000, gone="1"), tar(main="new", added="2")
    wanted = tar(added="2", data="x" * 5000, main="new", run_renamed="1")
    assert assembled(assembly_of(wanted), [base, sent], LARGE) == wanted


def test_the_base_may_be_packed_by_another_client() -> None:
    base = foreign_tar(("./data.py", plain), ("main.py", plain))
    wanted = tar_of([("data.py", False, b"abc"), ("main.py", True, b"abc")])
    assert assembled(assembly_of(wanted), [base], LARGE) == wanted


def test_an_artifact_that_is_all_here_needs_no_list_of_files() -> None:
    base = foreign_tar(("./main.py", plain))
    assert assembled(Assembly("1", (), sha256(base)), [base], LARGE) == base
    with pytest.raises(ConflictError, match="Version 1 does not have the artifact 000"):
        assembled(Assembly("1", (), "0" * 64), [base], LARGE)


def test_what_is_nowhere_is_named() -> None:
    with pytest.raises(ConflictError, match=r"content of 'b\.py' was not sent and is not in version 1") as caught:
        assembled(assembly_of(tar(a="1", b="2")), [tar(a="1")], LARGE)
    assert caught.value.hint == "Send all files."


def test_what_became_another_artifact_than_meant_is_not_taken() -> None:
    with pytest.raises(ConflictError, match=f"instead of {'0' * 64}"):
        assembled(Assembly("1", tuple(manifest_of(tar(a="1"))), "0" * 64), [tar(a="1")], LARGE)


def test_a_content_named_many_times_does_not_fill_the_memory() -> None:
    many = tuple(ManifestFile(f"{number}", sha256(b"x" * 1000)) for number in range(2000))
    with pytest.raises(TooLargeError, match="larger than 1000000 bytes"):
        assembled(Assembly("1", many, "0" * 64), [tar(a="x" * 1000)], LARGE)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (("link", link), "'link' in the artifact is a link or a device"),
        (("../outside", plain), "'../outside' in the artifact lies outside of its folder"),
        (("/absolute", plain), "'/absolute' in the artifact lies outside of its folder"),
    ],
)
def test_what_no_job_could_unpack_is_refused_when_it_is_uploaded(
    member: tuple[str, Callable[[tarfile.TarInfo], None]], words: str
) -> None:
    with pytest.raises(InvalidError, match=words):
        artifact_files(foreign_tar(("main.py", plain), member))


def test_a_sparse_file_of_terabytes_is_refused_before_it_is_read() -> None:
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**42)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("huge")
        member.pax_headers = records
        member.size = 512
        archive.addfile(member, io.BytesIO(b"1\n0\n1\n".ljust(512, b"\0")))
    with pytest.raises(InvalidError, match="'huge' in the artifact is packed as a sparse file"):
        manifest_of(buffer.getvalue())


def test_an_artifact_that_was_cut_off_is_refused() -> None:
    with pytest.raises(InvalidError, match="not a readable tar file"):
        manifest_of(tar(main="x" * 5000)[:2000])
