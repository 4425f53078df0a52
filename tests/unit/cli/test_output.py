"""Data goes to standard output, talk to standard error; programs get JSON."""

import json
import time

import pytest

from treadle.cli.output import Output, time_of

ROWS = [{"job": "0" * 36, "status": "DONE", "more": [1]}, {"job": "1" * 36, "status": "RUNNING: MAPPING", "more": []}]
COLUMNS = {"job": "JOB", "status": "STATUS"}


def test_people_read_a_table_that_is_never_cut_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    Output().table(ROWS, COLUMNS, empty="None.")

    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["JOB", "STATUS"]
    assert first.split() == ["0" * 36, "DONE"]
    assert second.split(maxsplit=1) == ["1" * 36, "RUNNING: MAPPING"]


def test_people_read_words_and_short_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    Output().fields({"default": True, "cpu": 4.0, "gpu": 0.5, "trial": False, "note": None})
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["yes", "4", "0.5", "no", "-"]


def test_people_read_times_in_their_zone_and_programs_in_utc(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    rows = [{"created": time_of("2026-11-25T01:20:31.842151Z")}]
    Output().table(rows, {"created": "CREATED"}, empty="")
    Output(as_json=True).table(rows, {}, empty="")
    monkeypatch.undo()
    time.tzset()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "2026-11-25 10:20:31",
        '[{"created": "2026-11-25T01:20:31.842151Z"}]',
    ]


def test_programs_read_the_whole_rows(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).table(ROWS, COLUMNS, empty="None.")

    assert json.loads(capsys.readouterr().out) == ROWS


def test_an_empty_table_is_told_on_standard_error_and_is_an_empty_list_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().table([], COLUMNS, empty="You have no jobs.")
    assert capsys.readouterr() == ("", "You have no jobs.\n")

    Output(as_json=True).table([], COLUMNS, empty="You have no jobs.")
    assert capsys.readouterr() == ("[]\n", "")


def test_text_of_users_is_not_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table([{"title": "[bold]x[/bold] [red]"}], {"title": "TITLE"}, empty="")
    Output().error("[red]no such[/] thing", hint="[b]")

    shown = capsys.readouterr()
    assert "[bold]x[/bold] [red]" in shown.out
    assert "Error: [red]no such[/] thing" in shown.err
    assert "Hint: [b]" in shown.err


def test_a_log_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().log("no newline, [markup] and \x1b[1mcolour\x1b[0m")

    assert capsys.readouterr().out == "no newline, [markup] and \x1b[1mcolour\x1b[0m"


def test_statuses_are_talk_for_people_and_data_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Output().status("RUNNING: MAPPING")
    assert capsys.readouterr() == ("", "RUNNING: MAPPING\n")

    Output(as_json=True).status("DONE")
    assert capsys.readouterr() == ('{"status": "DONE"}\n', "")


def test_a_diff_is_plain_text_in_a_pipe_and_coloured_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-[old]\n+[bold]new\n"
    Output().diff(text)
    assert capsys.readouterr().out == text

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    Output().diff(text)
    assert "\x1b[31m-[old]\x1b[0m\n\x1b[32m+[bold]new\x1b[0m" in capsys.readouterr().out
