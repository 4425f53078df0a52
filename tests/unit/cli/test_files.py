"""``treadle file``, from a terminal and from a script."""

import hashlib
import json
from pathlib import Path

from tests.running_platform import RunningPlatform
from tests.unit.cli.command import treadle


def test_files_go_up_and_come_down(platform: RunningPlatform, tmp_path: Path) -> None:
    for name, text in {"a.txt": "a", "deep/b.txt": "bb"}.items():
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).write_text(text)

    up = treadle(platform, "file", "upload", tmp_path / "runs", "cli/runs", "--json")
    assert [file["name"] for file in json.loads(up.stdout)] == ["cli/runs/a.txt", "cli/runs/deep/b.txt"]

    listed = json.loads(treadle(platform, "file", "list", "cli", "--json").stdout)
    assert listed == json.loads(up.stdout)
    assert listed[1]["size"] == 2
    assert listed[1]["sha256"] == hashlib.sha256(b"bb").hexdigest()
    shown = treadle(platform, "file", "list", "cli").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["NAME", "cli/runs/a.txt", "cli/runs/deep/b.txt"]
    assert listed[1]["sha256"][:12] in shown[2]
    assert json.loads(treadle(platform, "file", "list", "cli", "--no-checksums", "--json").stdout)[0]["sha256"] is None

    down = treadle(platform, "file", "download", "cli/runs", tmp_path / "back", "--json")
    assert json.loads(down.stdout) == {"name": "cli/runs", "path": str(tmp_path / "back")}
    assert (tmp_path / "back" / "deep" / "b.txt").read_text() == "bb"

    gone = treadle(platform, "file", "delete", "cli/runs/a.txt", "cli/runs/deep/b.txt")
    assert gone.stdout == "Deleted cli/runs/a.txt.\nDeleted cli/runs/deep/b.txt.\n"
    assert "There are no files." in treadle(platform, "file", "list", "cli").stderr


def test_a_bar_is_shown_to_who_asks_for_it(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "bar.txt").write_text("x" * 1000)
    assert "1.0/1.0 kB" in treadle(platform, "file", "upload", tmp_path / "bar.txt", "--progress").stderr
    assert treadle(platform, "file", "upload", tmp_path / "bar.txt").stderr == ""
    assert "1.0/1.0 kB" in treadle(platform, "file", "download", "bar.txt", tmp_path, "--progress").stderr
    assert treadle(platform, "file", "download", "no-bar.txt", "--progress").stderr.startswith("Error: ")


def test_what_cannot_be_done_is_told_in_words(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    treadle(platform, "file", "upload", tmp_path / "a", "cli-a")
    for command, code, words in (
        (["download", "none"], 3, "Requested file was not found."),
        (["delete", "none"], 3, "file list"),
        (["list", "-f", "lab/none"], 3, "Qiskit Function none doesn't exist."),
        (["list", "-f", "lab/none", "--of-provider"], 3, "Provider lab doesn't exist."),
        (["list", "--of-provider"], 2, "--function PROVIDER/TITLE"),
        (["upload", tmp_path / "a", "../a"], 2, "leads out of the folder"),
        (["upload", tmp_path / "none"], 2, "does not exist"),
        (["download", "cli-a", tmp_path / "a" / "b"], 1, "cannot be written: "),
    ):
        done = treadle(platform, "file", *command)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert words in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
