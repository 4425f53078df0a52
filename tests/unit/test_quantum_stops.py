"""What a client sends of its runtime service when it stops a job is hostile until it was read."""

import json
from typing import Any

import pytest

from treadle.domain.errors import InvalidError
from treadle.services.quantum_stops import account_of

ACCOUNT = {"channel": "ibm_cloud", "token": "t", "instance": "crn:v1", "url": "https://cloud.ibm.com"}


def sent(value: Any, kind: str = "QiskitRuntimeService") -> str:
    return json.dumps({"__type__": kind, "__value__": value})


def test_the_account_is_taken_and_nothing_else() -> None:
    assert account_of(sent({**ACCOUNT, "verify": False, "proxies": {"urls": {}}, "filename": "/etc/passwd"})) == ACCOUNT


def test_a_client_without_an_account_sends_null() -> None:
    assert account_of("null") is None
    assert account_of(sent({"channel": "local"})) is None


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("junk", "'service' is not valid JSON: Expecting value"),
        ("[" * 100_000, "'service' is not valid JSON: "),
        ("5", "'service' is not a QiskitRuntimeService."),
        (sent(ACCOUNT, "os.system"), "'service' is not a QiskitRuntimeService."),
        (sent(["t"]), "'service' is not a QiskitRuntimeService."),
        (sent({"channel": "ibm_cloud"}), "'service' needs a token"),
        (
            sent({**ACCOUNT, "url": "http://169.254.169.254"}),
            "'service' needs a token, and its url must begin with https",
        ),
        (sent({**ACCOUNT, "token": ["t"]}), "'service' needs a token"),
    ],
)
def test_anything_else_is_refused(service: str, words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        account_of(service)
    assert str(caught.value).startswith(words)
