"""A provider publishes a function, others run it, and each sees what is theirs, with every generation of the client."""

import pytest

from tests.contract.methods import methods_of_story
from tests.contract.researcher import Researcher
from tests.operating import administer
from tests.running_platform import RunningPlatform
from treadle.administration import Administration
from treadle.services.publishing import FunctionName

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages


def test_a_published_function(researcher: Researcher, platform: RunningPlatform) -> None:
    mark = researcher.release.replace(".", "-")
    lab, boss, mate, title = (f"{word}-{mark}" for word in ("lab", "boss", "mate", "recipe"))

    async def found(opened: Administration) -> list[str]:
        tokens = [await opened.accounts.add_user(name) for name in (boss, mate)]
        for name in (boss, mate):
            await opened.accounts.add_group(f"group-of-{name}")
            await opened.accounts.add_members(f"group-of-{name}", [name])
        await opened.publishing.add_provider(lab, "registry.example/lab")
        await opened.publishing.add_admins(lab, f"group-of-{boss}")
        return tokens

    async def share(opened: Administration) -> None:
        await opened.publishing.share(FunctionName(title, lab, ""), f"group-of-{mate}", may_run=True, trial=False)

    tokens = dict(zip(("boss", "mate"), administer(platform, found), strict=True))
    details = {**tokens, "provider": lab, "title": title}
    published = researcher.tell("publishing", platform, **details)["seen"]
    administer(platform, share)
    told = researcher.tell("providers", platform, **details)
    seen = told["seen"]

    assert published["published"] == [lab, title]
    assert "400" in published["image"]
    assert set(told["called"]) >= methods_of_story("providers", researcher.release)
    assert seen["found"] == [lab, title]
    assert (seen["in the catalog"], seen["among one's own"]) == ([lab], 0)
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
    if researcher.release not in {"0.18.1", "0.24.0"}:  # they do not show what a gateway says
        assert "the engines of this platform run no images" in published["image"]
