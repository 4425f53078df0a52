"""The compose file: what Docker and Podman take, with settings that there are and secrets that are made."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from tests.deployment import DEPLOY, unknown_settings
from tests.deployment.test_container import CONTAINERFILE
from treadle.api.probes import router as probes
from treadle.runner.node import HOME_VARIABLE
from treadle.settings import Settings

FOLDER = DEPLOY / "compose"
INTERPOLATED = re.sub(  # as compose does it where MACHINE is set and nothing else is
    r"\$\{[A-Z_]+(?::(-|\?)([^}]*))?\}",
    lambda found: found[2] if found[1] == "-" else "treadle.example.com",
    (FOLDER / "compose.yaml").read_text(),
)
COMPOSE: dict[str, Any] = yaml.safe_load(INTERPOLATED)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("gateway", "dispatcher", "ray")


def test_it_is_tidy_yaml() -> None:
    yamllint = Path(sys.executable).with_name("yamllint")
    rules = "{extends: relaxed, rules: {line-length: {max: 130}}}"
    found = subprocess.run([yamllint, "--strict", "-d", rules, FOLDER], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "")


def test_it_is_a_compose_file() -> None:
    resolved = {name: value for name, value in COMPOSE.items() if not name.startswith("x-")}

    read = PyCompose.from_json(json.dumps(resolved))

    assert sorted(read.service_names()) == sorted(SERVICES)
    with pytest.raises(ValueError, match="healthchek"):
        PyCompose.from_json(json.dumps({"services": {"gateway": {"image": "x", "healthchek": {}}}}))


@pytest.mark.parametrize("role", ["gateway", "dispatcher"])
def test_the_variables_are_settings_with_values_that_they_can_have(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SERVICES[role]["environment"]
    assert unknown_settings(given) == set()

    for name, value in {**given, "TREADLE_SECRETS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    assert settings.role == role
    assert settings.objects == "s3://treadle"


def test_services_that_are_named_are_there() -> None:
    named = {each for service in SERVICES.values() for each in service.get("depends_on", {})}
    modes = [service.get(key, "") for service in SERVICES.values() for key in ("network_mode", "ipc", "pid")]
    named |= {mode.removeprefix("service:") for mode in modes if mode.startswith("service:")}
    hosts = re.findall(r"(?:http://|@)([a-z]+):\d+", json.dumps(SERVICES["gateway"]) + (FOLDER / "prepare").read_text())

    assert named <= SERVICES.keys()
    assert set(hosts) <= SERVICES.keys()


def test_a_service_that_others_wait_for_says_when_it_is_ready() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
    [checked] = re.findall(r"127\.0\.0\.1:\$TREADLE_BIND_PORT(/\S+/)", CONTAINERFILE.read_text())
    assert checked in {route.path for route in probes.routes if hasattr(route, "path")}


def test_volumes_and_secrets_that_are_used_are_declared() -> None:
    volumes = {each.partition(":")[0] for service in SERVICES.values() for each in service.get("volumes", [])}
    secrets = {each for service in SERVICES.values() for each in service.get("secrets", [])}

    assert volumes == COMPOSE["volumes"].keys()
    assert secrets == COMPOSE["secrets"].keys()
    assert unknown_settings(secrets) == set()


def test_every_container_is_confined() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        mounted = [each.partition(":")[2] for each in service.get("volumes", [])] + service.get("tmpfs", [])
        assert "/tmp" in mounted, name
    for name in OURS:
        assert "cap_add" not in SERVICES[name]
        assert "user" not in SERVICES[name]  # that of the image


def test_the_dispatcher_shares_with_the_node_of_ray_what_processes_of_one_machine_share() -> None:
    dispatcher, ray = SERVICES["dispatcher"], SERVICES["ray"]

    assert {dispatcher[key] for key in ("network_mode", "ipc", "pid")} == {"service:ray"}
    assert ray["ipc"] == "shareable"
    assert set(dispatcher["volumes"]) & set(ray["volumes"]) == {"ray-tmp:/tmp"}
    assert ray["environment"].keys() == {"RAY_AUTH_MODE", HOME_VARIABLE}


def test_the_secrets_that_are_declared_are_made_once(tmp_path: Path) -> None:
    prepare = tmp_path / "prepare"
    prepare.write_text((FOLDER / "prepare").read_text())

    def made() -> dict[str, str]:
        environment = {"PATH": "/usr/bin:/bin", "TREADLE": f"{sys.executable} -m treadle.cli", "SECRETS": "secrets"}
        subprocess.run(["bash", prepare], env=environment, check=True, capture_output=True)
        return {file.name: file.read_text().strip() for file in (tmp_path / "secrets").iterdir()}

    first = made()

    assert {Path(each["file"]).name for each in COMPOSE["secrets"].values()} <= first.keys()
    assert first["treadle_database"] == f"postgresql://treadle:{first['database_password']}@database:5432/treadle"
    [identity] = json.loads(first["objects_identities"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": first["treadle_objects_access_key"], "secretKey": first["treadle_objects_secret_key"]}
    ]
    assert first["ray.env"] == f"RAY_AUTH_TOKEN={first['ray_auth_token']}"
    assert made() == first
