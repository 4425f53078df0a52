"""Whose files are whose: users, providers, and those in neither."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

import pytest

from tests.conformance.test_database import a_user
from tests.conformance.test_database_of_providers import a_group, a_provider, a_published_function
from treadle.domain.errors import NotFoundError
from treadle.domain.files import Space, provider_space, user_space
from treadle.domain.providers import Grant
from treadle.domain.users import User
from treadle.ports.files import FileStore
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer
from treadle.services.files import Files
from treadle.services.functions import Functions

pytestmark = pytest.mark.anyio


@dataclass
class People:
    """The admin of the provider `lab`, a user of its function `solve`, somebody who only sees it, and a stranger."""

    files: Files
    admin: User
    user: User
    visitor: User
    stranger: User


@pytest.fixture
async def people(database: Database, signer: Signer, files: FileStore) -> People:
    names = ("admin", "user", "visitor", "stranger")
    admin, user, visitor, stranger = [await a_user(database, name) for name in names]
    groups = [await a_group(database, f"group of {each.name}", each) for each in (admin, user, visitor)]
    function = await a_published_function(database, admin, await a_provider(database, "lab", groups[0]))
    for grant in (Grant(groups[1].id), Grant(groups[2].id, may_run=False)):
        await database.write(lambda repositories, grant=grant: repositories.functions.grant(function.id, grant))
    members = [
        replace(each, groups=frozenset({group.id})) for each, group in zip((admin, user, visitor), groups, strict=True)
    ]
    return People(Files(files, Functions(database, signer), 100), *members, stranger)


async def refusal(asked: Awaitable[Space]) -> str:
    with pytest.raises(NotFoundError) as caught:
        await asked
    return str(caught.value)


async def test_who_may_run_a_providers_function_has_files_of_the_own_with_it(people: People) -> None:
    for each in (people.admin, people.user):
        assert await people.files.of_user(each, "solve", "lab") == user_space(each.id, "lab", "solve")
    for each in (people.visitor, people.stranger):
        assert await refusal(people.files.of_user(each, "solve", "lab")) == "Qiskit Function solve doesn't exist."


async def test_only_who_looks_after_a_provider_gets_at_its_files(people: People) -> None:
    assert await people.files.of_provider(people.admin, "solve", "lab") == provider_space("lab", "solve")
    for each in (people.user, people.visitor, people.stranger):
        assert await refusal(people.files.of_provider(each, "solve", "lab")) == "Provider lab doesn't exist."
    assert (
        await refusal(people.files.of_provider(people.admin, "none", "lab"))
        == "Qiskit Function lab/none doesn't exist."
    )
    assert await refusal(people.files.of_provider(people.admin, "solve", "none")) == "Provider none doesn't exist."


async def test_a_providers_function_is_not_among_ones_own(people: People) -> None:
    assert await refusal(people.files.of_user(people.admin, "solve", None)) == "Qiskit Function solve doesn't exist."
