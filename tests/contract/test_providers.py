"""A provider publishes a function, others run it, and each sees what is theirs, with every generation of the client."""

import pytest

from tests.contract.methods import methods_of_story
from tests.contract.researcher import Researcher
from tests.operating import administer
from tests.running_platform import RunningPlatform
from treadle.administration import Administration
from treadle.services.publishing import FunctionName

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages


@pytest.fixture(scope="session")
def lab(researcher: Researcher, platform: RunningPlatform) -> dict[str, str]:
    """A provider with a published function, its admin, and somebody who may run it; with what its admin saw on the way."""
    provider, boss, mate, title = (f"{word}-{researcher.mark}" for word in ("lab", "boss", "mate", "recipe"))

    async def found(opened: Administration) -> list[str]:
        tokens = [await opened.accounts.add_user(name) for name in (boss, mate)]
        for name in (boss, mate):
            await opened.accounts.add_group(f"group-of-{name}")
            await opened.accounts.add_members(f"group-of-{name}", [name])
        await opened.publishing.add_provider(provider, "registry.example/lab")
        await opened.publishing.add_admins(provider, f"group-of-{boss}")
        return tokens

    async def share(opened: Administration) -> None:
        function = FunctionName(title, provider, "")
        await opened.publishing.share(function, f"group-of-{mate}", may_run=True, trial=False)

    tokens = dict(zip(("boss", "mate"), administer(platform, found), strict=True))
    details = {**tokens, "provider": provider, "title": title}
    seen = researcher.tell("publishing", platform, **details)["seen"]
    administer(platform, share)
    assert seen["published"] == [provider, title]
    return {**details, "image": seen["image"]}


def test_an_image_is_refused_with_words(researcher: Researcher, lab: dict[str, str]) -> None:
    assert "400" in lab["image"]
    if researcher.release not in {"0.18.1", "0.24.0"}:  # they do not show what a gateway says
        assert "the engines of this platform run no images" in lab["image"]


def test_a_published_function(researcher: Researcher, platform: RunningPlatform, lab: dict[str, str]) -> None:
    told = researcher.tell("providers", platform, **lab)
    seen = told["seen"]

    assert set(told["called"]) >= methods_of_story("providers", researcher.release)
    assert seen["found"] == [lab["provider"], lab["title"]]
    assert (seen["in the catalog"], seen["among one's own"]) == ([lab["provider"]], 0)
    assert (seen["result"], seen["run by name"]) == ({"answer": 0.25}, {"answer": 0.5})
    assert seen["log"] == "solving for you\n"
    assert "404" in seen["stranger"]
    assert seen["upload"] != "it was not refused"
    if researcher.release != "0.18.1":
        assert seen["provider's jobs"] == [True]
        assert "404" in seen["others' jobs"]
        assert seen["files"] == {"listed": ["weights.txt"], "back": "0.7 1.4", "left": []}
        assert "404" in seen["others' files"]
    if "job.provider_logs" in told["called"]:
        assert seen["provider's log"] == ["with the golden ratio\nan unmarked line\n"] * 2
        assert "403" in seen["others' log"]


@pytest.mark.parametrize("researcher", ["0.37.0"], indirect=True)
def test_the_catalog_client(researcher: Researcher, platform: RunningPlatform, lab: dict[str, str]) -> None:
    told = researcher.tell("catalog", platform, **lab)
    seen = told["seen"]

    assert set(told["called"]) >= methods_of_story("catalog", researcher.release)
    assert (seen["catalog lists"], seen["own are not in it"], seen["own"]) == (1, 0, 1)
    assert seen["catalog"].pop("result") == {"answer": 0.25}
    assert seen["serverless"].pop("result") == {"read": b"0.7".hex()}
    for looked_into in (seen["catalog"], seen["serverless"]):
        assert looked_into == {
            "jobs": True,
            "found": True,
            "qpu": [[], []],
            "last event": {"status": "SUCCEEDED"},
            "files": [1, "0.7", 0],
        }
    assert seen["provider"] == [{"jobs": True, "files": [["weights.txt"], "1 2", []]}] * 2
    assert "404" in seen["refused"]
    assert seen["accounts"] == [True, True]
