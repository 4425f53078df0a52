"""Removal of folders."""

import os
from pathlib import Path

from treadle.runner.folders import remove_tree


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    doomed = tmp_path / "doomed"
    (doomed / "a/b").mkdir(parents=True)
    (doomed / "a/link").symlink_to(tmp_path / "kept")
    (doomed / "dangling").symlink_to("nowhere")
    os.mkfifo(doomed / "a/b/pipe")
    remove_tree(doomed)

    assert not doomed.exists()
    assert (tmp_path / "kept/file").exists()


def test_folders_without_permissions(tmp_path: Path) -> None:
    locked = tmp_path / "doomed/a/locked"
    locked.mkdir(parents=True)
    (locked / "inner").mkdir()
    (locked / "inner/file").touch()
    (locked / "inner").chmod(0)
    locked.chmod(0)
    remove_tree(tmp_path / "doomed")

    assert not (tmp_path / "doomed").exists()


def test_folders_deeper_than_a_path_or_a_recursion(tmp_path: Path) -> None:
    doomed = tmp_path / "doomed"
    doomed.mkdir()
    here = os.open(doomed, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("deeper", dir_fd=here)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    remove_tree(doomed)

    assert not doomed.exists()
