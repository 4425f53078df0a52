"""Identifiers and tokens."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from qiskit_serverless.sending import new_key
from treadle.domain.budget import Budget
from treadle.domain.ids import id_for, new_id
from treadle.domain.launch import Launch
from treadle.domain.tokens import is_well_formed, new_token


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(uuid.UUID(value).version == 7 and uuid.UUID(value).variant == uuid.RFC_4122 for value in made)
    assert [value[:13] for value in made] == sorted(value[:13] for value in made)


@given(st.text(), st.text(), st.text())
def test_the_id_for_a_key_is_always_the_same_and_only_its_owners(owner: str, other: str, key: str) -> None:
    made = id_for(owner, key)
    assert id_for(owner, key) == made
    assert uuid.UUID(made).version == 7
    assert (id_for(other, key) == made) == (other == owner)
    assert (id_for(owner, other) == made) == (other == key)


def test_ids_for_keys_that_begin_with_the_time_sort_by_it() -> None:
    keys = [new_key() for _ in range(100)]
    assert [id_for("ada", key)[:13] for key in keys] == [key[:13] for key in keys]


def test_a_new_token_is_well_formed_and_new() -> None:
    assert is_well_formed(new_token())
    assert new_token() != new_token()


@given(st.integers(8, 50), st.sampled_from("abcXYZ019"))
def test_a_typing_error_in_a_token_is_found(place: int, character: str) -> None:
    token = new_token()
    mistyped = token[:place] + character + token[place + 1 :]
    assert is_well_formed(mistyped) == (mistyped == token)


@given(st.text(max_size=60))
def test_anything_else_is_not_a_token(text: str) -> None:
    assert not is_well_formed(text)


def test_a_launch_survives_its_way_to_the_supervisor() -> None:
    launch = Launch(
        "j", 2, "http://127.0.0.1:1", "t", "main.py", "d", "data", {"A": "ä"}, Budget(0.5, 0, 2**33, True), 2.0, 60.0
    )
    assert Launch.from_json(launch.to_json()) == launch
