"""The Helm chart: what it makes is what Kubernetes and KubeRay take, hardened, with settings, routes and ports that there are."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import jsonschema_rs
import kubernetes_validate
import pytest
import yaml
from docs.chart import README, readme
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

from tests.deployment import unknown_settings
from tests.deployment.chart import (
    BOTH,
    CHART,
    LARGEST,
    PROFILES,
    SMALLEST,
    Document,
    document,
    documents,
    pods,
    ray_pods,
    texts,
    variables,
)
from tests.deployment.test_container import CONTAINERFILE
from treadle.adapters.profiles_file import read_profiles
from treadle.api.probes import router as probes
from treadle.runner.node import HOME_VARIABLE
from treadle.settings import Settings

RAY_CLUSTER = json.loads((Path(__file__).parent / "raycluster.schema.json").read_text())
KUBERNETES = ["1.30", kubernetes_validate.latest_version()]

each_choice = pytest.mark.parametrize("values", BOTH.values(), ids=BOTH.keys())


def with_values(given: Document, path: str, value: object) -> Document:
    """Return other values of the chart: with one that differs."""
    changed = copy.deepcopy(given)
    *way, last = path.split(".")
    place = changed
    for name in way:
        place = place.setdefault(name, {})
    place[last] = value
    return changed


@each_choice
def test_helm_has_nothing_to_say_against_the_chart(values: Document) -> None:
    report = helm_python.lint(CHART, values, strict=True)

    assert report["errors"] == []
    assert [each for each in report["messages"] if each["error"] != "icon is recommended"] == []


@each_choice
def test_what_is_rendered_is_tidy_yaml(values: Document, tmp_path: Path) -> None:
    for name, text in texts(values).items():
        if name.endswith(".yaml"):
            (tmp_path / Path(name).name).write_text(text.strip() + "\n")
    rules = "{extends: relaxed, rules: {line-length: disable, empty-lines: disable, indentation: {indent-sequences: whatever}}}"
    yamllint = Path(sys.executable).with_name("yamllint")
    found = subprocess.run([yamllint, "--strict", "-d", rules, tmp_path], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("version", KUBERNETES)
@each_choice
def test_kubernetes_takes_everything(values: Document, version: str) -> None:
    for each in documents(values):
        if each["kind"] != "RayCluster":
            kubernetes_validate.validate(each, version, strict=True)


@each_choice
def test_kuberay_takes_the_cluster_and_kubernetes_its_pods(values: Document) -> None:
    [cluster] = documents(values, "RayCluster")

    jsonschema_rs.validate(RAY_CLUSTER, cluster)
    for pod in ray_pods(values):
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.name}, "spec": pod.spec}
        kubernetes_validate.validate(manifest, KUBERNETES[0], strict=True)


def test_the_autoscaler_of_ray_reads_the_groups_as_they_are_meant() -> None:
    cluster = document(LARGEST, "RayCluster", "treadle")
    placed = {**cluster, "metadata": {**cluster["metadata"], "namespace": "quantum"}}
    groups = _derive_autoscaling_config_from_ray_cr(placed)["available_node_types"]

    def group(name: str) -> tuple[int, int, dict[str, float]]:
        found = next(groups[each] for each in groups if each in (name, f"{name}-group"))
        return found["min_workers"], found["max_workers"], found["resources"]

    assert group("headgroup")[2]["CPU"] == 0
    assert group("cpu")[:2] == (1, 10)
    assert group("cpu")[2]["CPU"] == 4
    assert group("gpu")[2]["GPU"] == 1
    assert group("large-memory")[:2] == (1, 3)
    assert group("large-memory")[2]["large-memory"] > 0


def test_the_version_of_ray_is_that_of_the_image() -> None:
    [cluster] = documents(SMALLEST, "RayCluster")
    lock = CONTAINERFILE.with_name("requirements.lock").read_text()

    assert re.findall(r"^ray==(\S+)", lock, re.MULTILINE) == [cluster["spec"]["rayVersion"]]


@pytest.mark.parametrize("role", ["gateway", "dispatcher"])
@each_choice
def test_the_variables_are_settings_with_values_that_they_can_have(
    values: Document, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = variables(pods(values)[role].container(role))
    assert unknown_settings(given) == set()

    for name, value in {**given, "TREADLE_SECRETS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    settings = Settings()

    assert settings.role == role
    assert settings.objects == values["objects"]["url"]
    assert settings.job_memory == 8_000_000_000
    assert settings.largest_file == 107374182400


@pytest.mark.parametrize("role", ["gateway", "dispatcher"])
def test_settings_of_the_operator_arrive_as_they_were_written(role: str) -> None:
    given = variables(pods(LARGEST)[role].container(role))

    assert [given[name] for name in LARGEST["settings"]] == ["107374182400", "true", "2.5"]


def test_every_engine_that_a_compute_profile_names_is_one_of_the_chart(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text(document(LARGEST, "ConfigMap", "treadle-profiles")["data"]["profiles.toml"])
    profiles = read_profiles(tmp_path / "profiles.toml", strict=False)
    offered = variables(pods(LARGEST)["dispatcher"].container("dispatcher"))["TREADLE_ENGINE"]

    assert (tmp_path / "profiles.toml").read_text() == PROFILES
    assert offered == "ray,ray:gpu,ray:large-memory"
    assert set(profiles.engines.values()) <= set(offered.split(","))


def test_nodes_of_a_group_run_on_the_machines_that_it_selects() -> None:
    selected = {pod.name: pod.spec.get("nodeSelector") for pod in ray_pods(LARGEST)}

    assert selected["ray-gpu"] == {"accelerator": "a100"}
    assert selected["ray-large-memory"] == {"pool": "large"}
    assert pods(LARGEST)["ray-gpu"].spec["tolerations"][0]["key"] == "nvidia.com/gpu"


@each_choice
def test_probes_ask_routes_that_there_are_at_the_port_where_they_are(values: Document) -> None:
    routes = {route.path for route in probes.routes if hasattr(route, "path")}
    [port] = re.findall(r"TREADLE_BIND_PORT=(\d+)", CONTAINERFILE.read_text())

    for role in ("gateway", "dispatcher"):
        container = pods(values)[role].container(role)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["path"] in routes
            assert container[probe]["httpGet"]["port"] == "http"
        assert container["ports"] == [{"name": "http", "containerPort": int(port)}]


@each_choice
def test_every_container_is_confined(values: Document) -> None:
    for pod in pods(values).values():
        assert pod.spec["securityContext"]["runAsNonRoot"] is True
        assert pod.spec["securityContext"]["runAsUser"] == 10001
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            assert {"/var/lib/treadle", "/tmp"} <= written <= {"/var/lib/treadle", "/tmp", "/dev/shm"}


@each_choice
def test_every_container_says_what_it_needs(values: Document) -> None:
    for pod in pods(values).values():
        for container in pod.containers:
            needs = container["resources"].get("requests", container["resources"].get("limits", {}))
            assert needs.keys() >= {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@each_choice
def test_only_the_autoscaler_may_talk_to_kubernetes(values: Document) -> None:
    kept_from = {name for name, pod in pods(values).items() if pod.spec.get("automountServiceAccountToken") is False}

    assert pods(values).keys() - kept_from == {"head"}


@each_choice
def test_nodes_of_ray_get_the_token_of_ray_and_no_other_secret(values: Document) -> None:
    for pod in ray_pods(values):
        for container in pod.containers:
            keys = [each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"] if "valueFrom" in each]
            assert keys == ["ray_auth_token"]
            assert variables(container).keys() <= {"RAY_AUTH_MODE", HOME_VARIABLE}
        assert not any("secret" in volume for volume in pod.spec["volumes"])


def test_secrets_are_files_of_the_folder_that_the_platform_looks_in() -> None:
    gateway = pods(LARGEST)["gateway"]
    folder = variables(gateway.container("gateway"))["TREADLE_SECRETS"]
    secret = document(LARGEST, "Secret", "treadle")["stringData"]

    assert {"name": "secrets", "mountPath": folder, "readOnly": True} in gateway.container("gateway")["volumeMounts"]
    assert secret == LARGEST["secrets"]["values"]
    assert unknown_settings(secret) == set()


def test_a_secret_made_apart_is_used_instead() -> None:
    assert documents(SMALLEST, "Secret") == []
    volumes = pods(SMALLEST)["dispatcher"].spec["volumes"]
    assert [each["secret"]["secretName"] for each in volumes if "secret" in each] == ["treadle"]


def test_a_secret_that_is_missing_is_named() -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"secrets\.values\.treadle_secret_key"):
        texts({"objects": {"url": "s3://treadle"}, "secrets": {"values": {"treadle_database": "postgresql://db/x"}}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("gateway.replica", 3),
        ("gateway.replicas", "3"),
        ("objects.url", "https://bucket"),
        ("settings", {"TREADLE_ROLE": "all"}),
        ("settings", {"LARGEST_FILE": 1}),
        ("ray.workers.Large", {"enabled": True, "min": 1, "max": 1, "resources": {}}),
        ("ray.workers.large", {"enabled": True}),
        ("secrets.values.treadle_databse", "postgresql://db/x"),
    ],
)
def test_values_that_make_no_sense_are_refused(path: str, value: object) -> None:
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(SMALLEST)
        with pytest.raises(helm_python.HelmError):
            chart.validate_schema(with_values(SMALLEST, path, value))


def test_a_cluster_that_is_there_takes_the_place_of_one_of_its_own() -> None:
    values = with_values(with_values(SMALLEST, "ray.enabled", False), "ray.address", "ray.example.com:6379")
    dispatcher = pods(values)["dispatcher"]

    assert documents(values, "RayCluster") == []
    assert "--address=ray.example.com:6379" in dispatcher.container("ray-node")["command"]
    assert variables(dispatcher.container("dispatcher"))["TREADLE_RAY_ADDRESS"] == "ray.example.com:6379"
    with pytest.raises(helm_python.HelmRenderError, match=r"ray\.address"):
        texts(with_values(SMALLEST, "ray.enabled", False))


def test_the_dispatcher_shares_with_its_node_of_ray_what_processes_of_one_machine_share() -> None:
    dispatcher = pods(SMALLEST)["dispatcher"]
    mounts = [
        {mount["mountPath"]: mount["name"] for mount in dispatcher.container(name)["volumeMounts"]}
        for name in ("ray-node", "dispatcher")
    ]

    assert dispatcher.spec["shareProcessNamespace"] is True
    for path in ("/tmp", "/dev/shm"):
        assert mounts[0][path] == mounts[1][path]
    assert mounts[0]["/var/lib/treadle"] != mounts[1]["/var/lib/treadle"]
    assert {"--num-cpus=0", "--block"} <= set(dispatcher.container("ray-node")["command"])


def test_pods_are_replaced_when_profiles_or_secrets_change() -> None:
    def annotations(values: Document) -> dict[str, str]:
        found: dict[str, str] = document(values, "Deployment", "treadle-gateway")["spec"]["template"]["metadata"][
            "annotations"
        ]
        return found

    others = with_values(LARGEST, "computeProfiles", "[cx3d-2x5]\n")
    rotated = with_values(LARGEST, "secrets.values.ray_auth_token", "other")
    assert annotations(others)["checksum/profiles"] != annotations(LARGEST)["checksum/profiles"]
    assert annotations(rotated)["checksum/secrets"] != annotations(LARGEST)["checksum/secrets"]


def selects(selector: Document, labels: dict[str, str]) -> bool:
    """Return whether labels are those that a selector looks for."""
    wanted: dict[str, str] = selector.get("matchLabels", selector)
    return wanted.items() <= labels.items()


@each_choice
def test_services_and_budgets_find_the_pods_of_their_component(values: Document) -> None:
    found = {
        (each["kind"], each["metadata"]["name"]): [
            name for name, pod in pods(values).items() if selects(each["spec"]["selector"], pod.labels)
        ]
        for kind in ("Service", "PodDisruptionBudget", "Deployment")
        for each in documents(values, kind)
    }

    assert found == {
        ("Service", "treadle-gateway"): ["gateway"],
        ("PodDisruptionBudget", "treadle-gateway"): ["gateway"],
        ("PodDisruptionBudget", "treadle-dispatcher"): ["dispatcher"],
        ("Deployment", "treadle-gateway"): ["gateway"],
        ("Deployment", "treadle-dispatcher"): ["dispatcher"],
    }


def test_a_count_that_is_scaled_by_others_is_not_set_again_by_an_upgrade() -> None:
    assert "replicas" in document(SMALLEST, "Deployment", "treadle-gateway")["spec"]
    assert "replicas" not in document(LARGEST, "Deployment", "treadle-gateway")["spec"]
    for group in documents(SMALLEST, "RayCluster")[0]["spec"]["workerGroupSpecs"]:
        assert "replicas" not in group


def described(path: str, schema: Document, value: Any) -> list[str]:
    """Return the values without a description in the schema."""
    known = schema.get("properties", {}) if not schema.get("x-leaf") else {}
    if isinstance(schema.get("additionalProperties"), dict) and "properties" in schema["additionalProperties"]:
        known = dict.fromkeys(value, schema["additionalProperties"])
    if not isinstance(value, dict) or not known:
        return [] if schema.get("description") else [path]
    return [missing for name in value for missing in described(f"{path}.{name}", known.get(name, {}), value[name])]


def test_every_value_is_described_and_the_table_of_them_is_fresh() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert described("", schema, yaml.safe_load((CHART / "values.yaml").read_text())) == []
    assert README.read_text() == readme(), "run `make docs`"
