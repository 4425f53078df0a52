"""Whoever writes circuits again for the gateway keeps their text readable, whatever a program put into it."""

import asyncio
import base64
import json
import logging
import zlib

import pytest
from qiskit import QuantumCircuit

from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.serialization.qpy_versions import OLDEST, newest_version
from treadle.adapters.circuits.process import CircuitProcesses
from treadle.ports.circuits import CircuitWriter


@pytest.fixture
def writer() -> CircuitWriter:
    return CircuitProcesses()


def test_circuits_are_written_in_the_version_asked_for(writer: CircuitWriter) -> None:
    value = {"circuits": [QuantumCircuit(2)], "name": "é"}
    older = asyncio.run(writer.in_version(dumps(value), OLDEST))
    assert newest_version(older) == OLDEST
    assert loads(older) == value


def test_text_without_newer_circuits_is_answered_as_it_is(writer: CircuitWriter) -> None:
    text = '{ "energy" : -1.5 }'
    assert asyncio.run(writer.in_version(text, OLDEST)) == text


def test_a_broken_circuit_is_answered_as_it_is_and_said_to_the_operator(
    writer: CircuitWriter, caplog: pytest.LogCaptureFixture
) -> None:
    broken = base64.b64encode(zlib.compress(b"QISKIT\x11 and no more")).decode("ascii")
    text = json.dumps({"__type__": "QuantumCircuit", "__value__": broken})
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(writer.in_version(text, OLDEST)) == text
    assert "answered as they are" in caplog.text
