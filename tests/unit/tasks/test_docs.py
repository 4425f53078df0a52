"""The page about tasks: its blocks run, one after the other, and print what they say."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "tasks.md"


def test_the_blocks_of_the_page_print_what_they_say(run_program: Any) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    promised = [line.removeprefix("# ") for block in blocks for line in re.findall(r"^# .*$", block, re.MULTILINE)]

    done = run_program("\n".join(blocks))

    assert done.stderr == ""
    assert done.stdout.splitlines() == promised
    assert len(promised) >= 12
