"""What the operator does with a home folder on which no gateway runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from treadle.adapters.database.opening import open_database
from treadle.adapters.database.schema import upgrade
from treadle.adapters.database.sqlite import sqlite_engine
from treadle.administration import Administration, administration
from treadle.domain.errors import HomeFolderError, InvalidError, NotFoundError
from treadle.domain.tokens import is_well_formed
from treadle.home_folder import locked
from treadle.services.accounts import Membership
from treadle.services.publishing import FunctionName, Organisation

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opened(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Administration]:
    """A platform on which nothing has happened yet."""
    await open_database(tmp_path / "treadle.db").close()
    async with administration(tmp_path) as platform:
        yield platform


async def test_each_token_of_a_user_is_new_and_only_its_id_is_kept(opened: Administration) -> None:
    first, second = await opened.accounts.add_user("ada"), await opened.accounts.add_token("ada")
    assert first != second
    assert is_well_formed(first)
    assert is_well_formed(second)
    tokens = await opened.accounts.tokens("ada")
    assert len(tokens) == 2
    assert not any(token.digest in first + second for token in tokens)
    assert await opened.accounts.revoke("ada", tokens[1].id) == 1
    assert await opened.accounts.tokens("ada") == tokens[:1]
    assert await opened.accounts.revoke("ada", None) == 1
    [account] = await opened.accounts.all()
    assert (account.name, account.groups, account.tokens) == ("ada", [], [])


async def test_members_come_and_go_all_or_none(opened: Administration) -> None:
    for name in ("ada", "bob"):
        await opened.accounts.add_user(name)
    await opened.accounts.add_group("chemists")
    await opened.accounts.add_members("chemists", ["ada", "bob"])
    with pytest.raises(NotFoundError, match="no user eve"):
        await opened.accounts.remove_members("chemists", ["ada", "eve"])
    assert await opened.accounts.memberships() == [Membership("chemists", ["ada", "bob"])]
    await opened.accounts.remove_members("chemists", ["ada"])
    with pytest.raises(NotFoundError, match="ada is no member"):
        await opened.accounts.remove_members("chemists", ["bob", "ada"])
    assert await opened.accounts.memberships() == [Membership("chemists", ["bob"])]
    assert [account.groups for account in await opened.accounts.all()] == [[], ["chemists"]]


async def test_a_provider_is_given_to_groups_and_taken_back(opened: Administration) -> None:
    await opened.accounts.add_group("admins")
    await opened.publishing.add_provider("lab", "registry.example/lab")
    await opened.publishing.add_admins("lab", "admins")
    assert await opened.publishing.organisations() == [Organisation("lab", "registry.example/lab", ["admins"], [])]
    await opened.publishing.remove_admins("lab", "admins")
    with pytest.raises(NotFoundError, match="admins does not act for the provider lab"):
        await opened.publishing.remove_admins("lab", "admins")


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "x" * 256, "a\n"])
async def test_names_that_could_be_mistaken_are_refused(opened: Administration, name: str) -> None:
    for add in (
        opened.accounts.add_user,
        opened.accounts.add_group,
        lambda name: opened.publishing.add_provider(name, None),
    ):
        with pytest.raises(InvalidError, match="cannot be the name of"):
            await add(name)


async def test_what_is_there_already_is_not_made_again(opened: Administration) -> None:
    await opened.accounts.add_group("group")
    with pytest.raises(InvalidError, match="There is a group group already"):
        await opened.accounts.add_group("group")
    await opened.publishing.add_provider("lab", None)
    with pytest.raises(InvalidError, match="There is a provider lab already"):
        await opened.publishing.add_provider("lab", None)


async def test_a_function_that_is_disabled_needs_a_reason(opened: Administration) -> None:
    with pytest.raises(InvalidError, match="The message is empty"):
        await opened.publishing.disable(FunctionName("f", None, "ada"), " ")


async def test_tables_of_an_older_version_wait_until_their_gateway_has_stopped(
    tmp_path: Path, anyio_backend: str
) -> None:
    engine = sqlite_engine(tmp_path / "treadle.db")
    upgrade(engine, "0001")
    engine.dispose()
    with locked(tmp_path), pytest.raises(HomeFolderError, match="Another gateway already uses"):
        async with administration(tmp_path):
            pass
    async with administration(tmp_path) as platform:
        assert is_well_formed(await platform.accounts.add_user("ada"))
