"""Fixtures: one process per release of the client, which tells all stories of a test worker."""

from collections.abc import Iterator

import pytest

from tests.contract.environments import CLIENT_VERSIONS
from tests.contract.researcher import Researcher


@pytest.fixture(scope="session", params=CLIENT_VERSIONS)
def researcher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Researcher]:
    """Somebody with a release of the client; pytest runs all tests with one release before it takes the next."""
    one = Researcher(request.param, tmp_path_factory.mktemp("researcher"))
    yield one
    one.leave()
