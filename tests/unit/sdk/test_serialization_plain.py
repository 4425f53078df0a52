"""Plain Python values come back as they were: the same type, the same value."""

import json
import math
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization import QiskitObjectsDecoder, QiskitObjectsEncoder, dumps, loads

ZONES = st.none() | st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
HASHABLE_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=ZONES)
    | st.timedeltas()
)
HASHABLE = st.recursive(
    HASHABLE_LEAVES,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
LEAVES = HASHABLE_LEAVES | st.floats() | st.complex_numbers() | st.binary().map(bytearray)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["__type__", "__value__", "a"]), inner, max_size=3)
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, of the same types all the way down; NaN equals NaN, and -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(map(type, one)) == list(map(type, other)) and all(
            same(key, other_key) and same(one[key], other[other_key]) for key, other_key in zip(one, other, strict=True)
        )
    return bool(one == other)


@given(VALUES)
def test_any_nested_value_comes_back_as_it_was(value: Any) -> None:
    assert same(loads(dumps(value)), value)


@given(VALUES)
def test_the_classes_for_json_do_the_same(value: Any) -> None:
    text = json.dumps(value, cls=QiskitObjectsEncoder)
    assert same(json.loads(text, cls=QiskitObjectsDecoder), value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_json_has_itself_is_written_as_json_writes_it(value: Any) -> None:
    assert dumps(value) == json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize(
    "value", [complex(0, math.inf), complex(math.nan, 1), complex(-0.0, 0.0), math.nan, -math.inf, -0.0]
)
def test_numbers_that_arithmetic_would_change(value: complex) -> None:
    assert same(loads(dumps(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        {"__type__": "complex", "__value__": [1, 2]},
        {"__type__": "treadle:tuple", "__value__": [1]},
        {"__type__": ["a"], "b": 1},
        {"__type__": "datetime"},
        {"a": {"__type__": None}},
    ],
)
def test_a_users_dictionary_that_looks_like_an_object_stays_a_dictionary(value: Any) -> None:
    assert same(loads(dumps(value)), value)


Point = namedtuple("Point", "x y")


class Color(IntEnum):
    RED = 1


class Name(StrEnum):
    ADA = "Ada"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter("abca"), {"a": 2, "b": 1, "c": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, {"a": [1]}), {"a": [1]}),
        (Point(1, 2), (1, 2)),
        (Color.RED, 1),
        (Name.ADA, "Ada"),
        ({Name.ADA: Color.RED}, {"Ada": 1}),
    ],
)
def test_a_subclass_of_a_plain_type_is_stored_as_that_type(value: Any, plain: Any) -> None:
    assert same(loads(dumps(value)), plain)
    assert value == plain


def test_the_same_object_may_stand_in_two_places() -> None:
    shared = [1, (2,)]
    assert loads(dumps({"a": shared, "b": [shared, shared]})) == {"a": shared, "b": [shared, shared]}


@pytest.mark.skipif(not available_timezones(), reason="this machine has no time zone database")
@pytest.mark.parametrize("fold", [0, 1])
def test_a_named_time_zone_keeps_its_name_and_the_hour_that_comes_twice(fold: int) -> None:
    moment = datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin"))
    back = loads(dumps(moment))
    assert (back, back.tzinfo, back.fold) == (moment, moment.tzinfo, fold)


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1, 12, 30, 1, 5), datetime(2026, 1, 1, tzinfo=UTC)])
def test_an_ordinary_time_is_written_as_the_runtime_client_writes_it(moment: datetime) -> None:
    assert json.loads(dumps(moment)) == json.loads(json.dumps(moment, cls=RuntimeEncoder))
    assert json.loads(dumps(moment), cls=RuntimeDecoder) == moment


@pytest.mark.parametrize(
    "value", [1 - 2j, {1, 2}, datetime(2026, 1, 1, tzinfo=UTC), {"a": [1.5, None]}, {"program": "not an object"}]
)
def test_what_the_runtime_clients_encoder_wrote_can_be_read(value: Any) -> None:
    assert same(loads(json.dumps(value, cls=RuntimeEncoder)), value)


def test_a_date_from_the_runtime_clients_encoder_is_a_time_as_it_is_for_its_decoder() -> None:
    text = json.dumps(date(2026, 1, 1), cls=RuntimeEncoder)
    assert loads(text) == json.loads(text, cls=RuntimeDecoder) == datetime(2026, 1, 1)


def test_a_type_of_a_newer_version_is_told_as_such() -> None:
    with pytest.raises(SerializationError, match=r"'treadle:quaternion' was written by a newer version.*Upgrade"):
        loads('{"__type__": "treadle:quaternion", "__value__": [1, 0, 0, 0]}')


def test_a_subclass_of_the_encoder_may_bring_types_of_its_own() -> None:
    class Celsius:
        degrees = 21.5

    class Encoder(QiskitObjectsEncoder):
        def default(self, o: Any) -> Any:
            return (
                {"__type__": "celsius", "__value__": (o.degrees, 1j)} if isinstance(o, Celsius) else super().default(o)
            )

    text = json.dumps([Celsius(), (1, 2)], cls=Encoder)
    assert loads(text) == [{"__type__": "celsius", "__value__": (21.5, 1j)}, (1, 2)]
    with pytest.raises(SerializationError, match=r"value\[1\]: <class 'object'> cannot be encoded"):
        json.dumps([Celsius(), object()], cls=Encoder)


def test_the_encoders_method_encodes_one_object() -> None:
    assert QiskitObjectsEncoder().default(2j) == {"__type__": "complex", "__value__": [0.0, 2.0]}


def test_plain_values_need_neither_numpy_nor_qiskit() -> None:
    program = (
        "import sys; from qiskit_serverless.serialization import dumps, loads;"
        "value = {'a': [1, (2, b'x')], 3: {4j}}; assert loads(dumps(value)) == value;"
        "print({'numpy', 'qiskit', 'qiskit_ibm_runtime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
