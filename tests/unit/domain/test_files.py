"""Which names files can have, and where the spaces lie."""

import pytest

from qiskit_serverless.spaces.names import is_clean
from treadle.domain.errors import InvalidError
from treadle.domain.files import Space, clean_path, provider_space, stored_name, user_space


@pytest.mark.parametrize(
    "path", ["data.csv", "a/b/c.tar.gz", ".hidden", "we ird.txt", "größe/数据.npy", "a..b", "-", "x" * 255]
)
def test_names_of_files_and_paths_in_folders(path: str) -> None:
    assert clean_path(path) == path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("..", "leads out"),
        ("/etc/passwd", "leads out"),
        ("", "empty segment"),
        ("a//b", "empty segment"),
        ("a/", "empty segment"),
        (".", "only a dot"),
        ("a/./b", "only a dot"),
        ("a\0b", "no file name"),
        ("a\ud800b", "no file name"),
        ("a\nb", "control character"),
        ("\x1b[2J", "control character"),
        ("é" * 128, "at most 255 bytes"),
        ("/".join(["a" * 200] * 6), "at most 255 bytes a segment, 1024 in all"),
        ("/".join("a" * 33), "32 segments"),
    ],
)
def test_what_no_file_can_be_called(path: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        clean_path(path)
    assert not is_clean(path)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("data.csv", "data.csv"),
        ("we ird.txt", "we_ird.txt"),
        ("a  &  b.txt", "a_b.txt"),
        ("résumé.txt", "r_sum_.txt"),
        ("folder/data.csv", "data.csv"),
        ("a..b", "a_b"),
    ],
)
def test_names_that_todays_clients_send(sent: str, stored: str) -> None:
    assert stored_name(sent) == stored


@pytest.mark.parametrize("sent", ["../data.csv", "/etc/passwd", "a/../b", "..", "", ".", "folder/"])
def test_names_that_no_client_can_store(sent: str) -> None:
    with pytest.raises(InvalidError, match="cannot be called"):
        stored_name(sent)


def test_a_user_has_one_space_for_own_functions_and_one_for_each_of_a_provider() -> None:
    own = user_space("ada", None, "fit")
    assert own == user_space("ada", None, "draw")
    spaces = [own, user_space("ada", "lab", "fit"), user_space("eve", "lab", "fit"), provider_space("lab", "fit")]
    assert len(set(spaces)) == 4
    assert str(provider_space("lab", "fit")) == "providers/lab/fit/provider"


@pytest.mark.parametrize("segment", ["..", "", "a/b", ".partial", "a\n"])
def test_nothing_odd_can_name_a_space(segment: str) -> None:
    with pytest.raises(ValueError, match="cannot name a space"):
        Space(("providers", segment))
