"""The operator's commands that give and take: each says what it did, and the platform then does so."""

import json
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.running_platform import RunningPlatform
from tests.unit.cli.command import treadle_here as treadle

PROGRAM = "from qiskit_serverless import save_result\nsave_result(1)\n"


def done(completed: subprocess.CompletedProcess[str]) -> str:
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.fixture(scope="module")
def shop(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> RunningPlatform:
    """A platform on which the owner has published the function acc-shop/bread; acc-guest is in the group acc-guests."""
    program = tmp_path_factory.mktemp("shop") / "main.py"
    program.write_text(PROGRAM)
    for command in (
        "group add acc-staff",
        "group add acc-guests",
        "group members add acc-staff owner",
        "provider add acc-shop --registry quay.io/shop",
        "provider admin add acc-shop acc-staff",
    ):
        done(treadle(platform, *command.split()))
    done(treadle(platform, "function", "upload", program, "--title", "acc-shop/bread"))
    return platform


@pytest.fixture(scope="module")
def guest(shop: RunningPlatform) -> dict[str, str]:
    """The environment variables of a user in the group acc-guests."""
    token = done(treadle(shop, "user", "add", "acc-guest")).strip()
    done(treadle(shop, "group", "members", "add", "acc-guests", "acc-guest"))
    return {**shop.environment, "TREADLE_TOKEN": token}


def listed(guest: dict[str, str]) -> list[str]:
    """Return the provider's functions that the guest sees."""
    answer = httpx2.get(
        f"{guest['TREADLE_HOST']}/api/v1/programs/", headers={"Authorization": f"Bearer {guest['TREADLE_TOKEN']}"}
    )
    return [each["title"] for each in answer.json()]


def test_a_function_is_shown_before_it_may_be_run_and_taken_back(shop: RunningPlatform, guest: dict[str, str]) -> None:
    share = ("function", "share", "acc-shop/bread", "--group", "acc-guests")
    assert done(treadle(shop, *share, "--see-only")) == "The group acc-guests may see acc-shop/bread.\n"
    assert listed(guest) == ["bread"]
    assert treadle(guest, "run", "acc-shop/bread").returncode == 3
    document = json.loads(done(treadle(shop, *share, "--trial", "--json")))
    assert document == {"function": "acc-shop/bread", "group": "acc-guests", "may_run": True, "trial": True}
    job = done(treadle(guest, "run", "acc-shop/bread")).strip()
    assert done(treadle(guest, "job", "result", job)) == "1\n"
    unshare = ("function", "unshare", "acc-shop/bread", "--group", "acc-guests")
    assert done(treadle(shop, *unshare)) == "acc-shop/bread is no longer shared with the group acc-guests.\n"
    assert treadle(guest, "run", "acc-shop/bread").returncode == 3
    told = treadle(shop, "function", "grants", "acc-shop/bread")
    assert (told.stdout, told.stderr) == ("", "acc-shop/bread is shared with no group.\n")
    assert done(treadle(guest, "job", "status", job)) == "DONE\n"  # jobs that are there stay


def test_who_leaves_a_group_loses_what_it_was_given(shop: RunningPlatform, guest: dict[str, str]) -> None:
    done(treadle(shop, "function", "share", "acc-shop/bread", "--group", "acc-guests"))
    assert listed(guest) == ["bread"]
    removed = done(treadle(shop, "group", "members", "remove", "acc-guests", "acc-guest"))
    assert removed == "Took acc-guest out of the group acc-guests.\n"
    assert listed(guest) == []
    groups = {each["group"]: each["members"] for each in json.loads(done(treadle(shop, "group", "list", "--json")))}
    assert (groups["acc-guests"], groups["acc-staff"]) == ([], ["owner"])
    done(treadle(shop, "group", "members", "add", "acc-guests", "acc-guest"))


def test_a_disabled_function_says_why_until_it_is_enabled(shop: RunningPlatform) -> None:
    words = "The oven is being repaired."
    assert done(treadle(shop, "function", "disable", "acc-shop/bread", "--message", words)) == (
        "acc-shop/bread is disabled.\n"
    )
    refused = treadle(shop, "run", "acc-shop/bread")
    assert refused.returncode != 0
    assert words in " ".join(refused.stderr.split())
    empty = treadle(shop, "function", "disable", "acc-shop/bread", "--message", " ")
    assert (empty.returncode, "The message is empty" in empty.stderr) == (2, True)
    assert done(treadle(shop, "function", "enable", "acc-shop/bread")) == "acc-shop/bread can be run again.\n"
    assert treadle(shop, "run", "acc-shop/bread").returncode == 0


def test_a_provider_sees_everybodys_jobs_and_others_do_not(shop: RunningPlatform, guest: dict[str, str]) -> None:
    done(treadle(shop, "function", "share", "acc-shop/bread", "--group", "acc-guests"))
    job = done(treadle(guest, "run", "acc-shop/bread")).strip()
    everybodys = ("job", "list", "--function", "acc-shop/bread", "--everybody", "--json")
    assert job in [each["job"] for each in json.loads(done(treadle(shop, *everybodys)))]
    assert treadle(guest, *everybodys).returncode in (3, 4)
    unnamed = treadle(shop, "job", "list", "--everybody")
    assert (unnamed.returncode, "say of which function" in unnamed.stderr) == (2, True)


def test_a_group_no_longer_acts_for_a_provider(shop: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    done(treadle(shop, "provider", "add", "acc-other"))
    done(treadle(shop, "provider", "admin", "add", "acc-other", "acc-staff"))
    upload = ("function", "upload", tmp_path, "--title", "acc-other/cake")
    done(treadle(shop, *upload))
    removed = done(treadle(shop, "provider", "admin", "remove", "acc-other", "acc-staff"))
    assert removed == "The group acc-staff no longer acts for acc-other.\n"
    assert treadle(shop, *upload).returncode == 3
    providers = json.loads(done(treadle(shop, "provider", "list", "--json")))
    assert {"provider": "acc-other", "admins": [], "functions": ["cake"], "registry": None} in providers
    assert "quay.io/shop" in [each["registry"] for each in providers]


def test_the_environment_of_a_function_is_shown_also_where_it_is_the_platforms(shop: RunningPlatform) -> None:
    fields = done(treadle(shop, "function", "environment", "acc-shop/bread"))
    assert "the platform's own" in fields
    assert done(treadle(shop, "function", "environment", "acc-shop/bread", "--log")) == ""
    unknown = treadle(shop, "function", "environment", "acc-shop/none")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (3, False)


def test_without_profiles_it_is_said_that_there_are_none(shop: RunningPlatform) -> None:
    told = treadle(shop, "profile", "list")
    assert (told.stdout, told.stderr) == ("", "No profiles are offered: every job has the same budget.\n")
    assert json.loads(done(treadle(shop, "profile", "list", "--json"))) == []
