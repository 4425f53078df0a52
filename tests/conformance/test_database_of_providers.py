"""What every database must do with groups, providers and grants."""

from dataclasses import replace

import pytest

from tests.conformance.conftest import NOON
from tests.conformance.test_database import a_function, a_job, a_user, a_version
from treadle.domain.functions import Function
from treadle.domain.ids import new_id
from treadle.domain.jobs import JobFilter
from treadle.domain.providers import Grant, Provider
from treadle.domain.users import Group, User
from treadle.ports.repositories import Database

pytestmark = pytest.mark.anyio


async def a_group(database: Database, name: str, *members: User) -> Group:
    group = Group(new_id(), name)
    await database.write(lambda repositories: repositories.groups.add(group, NOON))
    for user in members:
        await database.write(lambda repositories, user=user: repositories.groups.add_member(group.id, user.id))
    return group


async def a_provider(database: Database, name: str, *admins: Group) -> Provider:
    provider = Provider(new_id(), name, "registry.example/lab")
    await database.write(lambda repositories: repositories.providers.add(provider, NOON))
    for group in admins:
        await database.write(lambda repositories, group=group: repositories.providers.add_admins(provider.id, group.id))
    return replace(provider, admin_groups=frozenset(group.id for group in admins))


async def a_published_function(database: Database, user: User, provider: Provider, title: str = "solve") -> Function:
    function = Function(new_id(), title, user.id, NOON, a_version(user), provider)
    await database.write(lambda repositories: repositories.functions.add(function))
    return function


async def user_of_token(database: Database, digest: str) -> User | None:
    return await database.read(lambda repositories: repositories.users.by_token(digest))


async def test_a_user_comes_with_all_groups_by_token_and_by_name(database: Database) -> None:
    ada = await a_user(database)
    await database.write(lambda repositories: repositories.users.add_token(ada.id, "digest", NOON))
    assert await user_of_token(database, "digest") == ada
    first, second = await a_group(database, "first", ada), await a_group(database, "second", ada)
    await a_group(database, "third", await a_user(database, "bob"))

    member = replace(ada, groups=frozenset({first.id, second.id}))
    assert await user_of_token(database, "digest") == member
    assert await database.read(lambda repositories: repositories.users.by_name("ada")) == member
    everybody = await database.read(lambda repositories: repositories.users.all())
    assert [user.name for user in everybody] == ["ada", "bob"]
    assert everybody[0] == member


async def test_a_membership_ends(database: Database) -> None:
    ada = await a_user(database)
    group = await a_group(database, "group", ada, ada)
    assert await database.read(lambda repositories: repositories.groups.members(group.id)) == ["ada"]
    assert await database.write(lambda repositories: repositories.groups.remove_member(group.id, ada.id))
    assert not await database.write(lambda repositories: repositories.groups.remove_member(group.id, ada.id))
    assert await database.read(lambda repositories: repositories.users.by_name("ada")) == ada
    assert await database.read(lambda repositories: repositories.groups.by_name("group")) == group
    assert await database.read(lambda repositories: repositories.groups.by_name("other")) is None
    assert await database.read(lambda repositories: repositories.groups.all()) == [group]


async def test_a_token_that_is_removed_identifies_nobody(database: Database) -> None:
    ada = await a_user(database)
    for digest in ("a" * 64, "b" * 64):
        await database.write(lambda repositories, digest=digest: repositories.users.add_token(ada.id, digest, NOON))
    await database.write(lambda repositories: repositories.users.remove_token("a" * 64))
    assert await user_of_token(database, "a" * 64) is None
    assert await user_of_token(database, "b" * 64) == ada
    [left] = await database.read(lambda repositories: repositories.users.tokens(ada.id))
    assert (left.digest, left.id, left.created) == ("b" * 64, "b" * 12, NOON)


async def test_a_provider_comes_with_the_groups_that_act_for_it(database: Database) -> None:
    first, second = await a_group(database, "first"), await a_group(database, "second")
    lab, acme = await a_provider(database, "lab", first, second), await a_provider(database, "acme")
    assert await database.read(lambda repositories: repositories.providers.by_name("lab")) == lab
    assert await database.read(lambda repositories: repositories.providers.by_name("none")) is None
    assert await database.read(lambda repositories: repositories.providers.all()) == [acme, lab]
    assert await database.write(lambda repositories: repositories.providers.remove_admins(lab.id, first.id))
    assert not await database.write(lambda repositories: repositories.providers.remove_admins(lab.id, first.id))
    found = await database.read(lambda repositories: repositories.providers.by_name("lab"))
    assert found == replace(lab, admin_groups=frozenset({second.id}))


async def test_a_providers_function_is_found_by_provider_and_title_with_its_grants(database: Database) -> None:
    ada = await a_user(database)
    group = await a_group(database, "group")
    lab, acme = await a_provider(database, "lab", group), await a_provider(database, "acme")
    function = await a_published_function(database, ada, lab)
    await a_published_function(database, ada, acme)
    own = await a_function(database, ada, "solve")
    seen = Grant(group.id, may_run=False, trial=True)
    for grant in (Grant(group.id), seen):
        await database.write(lambda repositories, grant=grant: repositories.functions.grant(function.id, grant))

    granted = replace(function, grants=(seen,))
    assert await database.read(lambda repositories: repositories.functions.of_provider("lab", "solve")) == granted
    assert await database.read(lambda repositories: repositories.functions.get(function.id)) == granted
    assert await database.read(lambda repositories: repositories.functions.by_title(ada.id, "solve")) == own
    assert await database.read(lambda repositories: repositories.functions.of_provider("lab", "other")) is None
    assert await database.write(lambda repositories: repositories.functions.revoke(function.id, group.id))
    assert not await database.write(lambda repositories: repositories.functions.revoke(function.id, group.id))
    assert await database.read(lambda repositories: repositories.functions.get(function.id)) == function


async def test_near_a_user_are_own_functions_granted_ones_and_those_of_administered_providers(
    database: Database,
) -> None:
    ada, bob = await a_user(database), await a_user(database, "bob")
    admins, granted = await a_group(database, "admins"), await a_group(database, "granted")
    lab, acme = await a_provider(database, "lab", admins), await a_provider(database, "acme")
    await a_function(database, ada, "a-own")
    await a_published_function(database, bob, lab, "b-administered")
    shared = await a_published_function(database, bob, acme, "c-granted")
    await a_published_function(database, bob, acme, "d-of-others")
    await database.write(lambda repositories: repositories.functions.grant(shared.id, Grant(granted.id)))

    async def near(user: User) -> list[str]:
        found = await database.read(lambda repositories: repositories.functions.near(user))
        return [function.title for function in found]

    assert await near(ada) == ["a-own"]
    member = replace(ada, groups=frozenset({admins.id, granted.id}))
    assert await near(member) == ["a-own", "b-administered", "c-granted"]
    assert await near(replace(ada, groups=frozenset({"unknown"}))) == ["a-own"]


async def test_a_disabled_function_says_why_until_it_is_enabled(database: Database) -> None:
    function = await a_function(database, await a_user(database))
    for message in ("Being repaired.", None):
        await database.write(lambda repositories, message=message: repositories.functions.disable(function.id, message))
        found = await database.read(lambda repositories: repositories.functions.get(function.id))
        assert found == replace(function, disabled_message=message)


async def test_a_job_comes_with_its_provider_and_everybodys_jobs_are_listed_by_provider(database: Database) -> None:
    ada, bob = await a_user(database), await a_user(database, "bob")
    lab = await a_provider(database, "lab", await a_group(database, "group"))
    function = await a_published_function(database, ada, lab)
    own = await a_job(database, await a_function(database, bob))
    jobs = []
    for seconds, user in enumerate((ada, bob)):
        job = await a_job(database, replace(function, author_id=user.id), seconds)
        jobs.append(replace(job, provider=lab))

    async def listed(author_id: str | None, **fields: object) -> list[object]:
        job_filter = JobFilter(**fields)  # type: ignore[arg-type]
        return (await database.read(lambda repositories: repositories.jobs.page(author_id, job_filter)))[1]

    assert await listed(None, provider="lab") == jobs[::-1]
    assert await listed(None, function_id=function.id) == jobs[::-1]
    assert await listed(bob.id, provider="lab") == [jobs[1]]
    assert await listed(bob.id, provider="none") == []
    assert await listed(bob.id) == [jobs[1], own]
