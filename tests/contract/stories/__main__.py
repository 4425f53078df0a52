"""Tells stories with the client from PyPI. Runs in that client's environment: it sees nothing of this project.

Usage: python -I stories; reads one JSON object a line, ``{"story": name, "client": {...}, ...}``, and answers each with one
line, ``{"seen": what the story returned, "called": [public methods the researcher called]}`` or ``{"error": traceback}``.
"""

import importlib
import json
import os
import sys
import traceback
from typing import Any

import recording
from setup import Setup


def tell(request: dict[str, Any]) -> dict[str, Any]:
    recording.called.clear()
    module = importlib.import_module(request.pop("story"))
    seen = module.tell(Setup(**request))
    return {"seen": seen, "called": sorted(recording.called)}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return tell(request)
    except Exception:  # noqa: BLE001 - the test shows whatever it was
        return {"error": traceback.format_exc()}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a client prints is not an answer
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
