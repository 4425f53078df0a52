"""The Helm chart as it is installed: rendered by Helm itself, looked at as what Kubernetes and KubeRay would be given."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import helm_python
import yaml

from tests.deployment import DEPLOY

CHART = DEPLOY / "helm" / "treadle"
Document = dict[str, Any]

SMALLEST: Document = {"objects": {"url": "s3://treadle/production"}, "secrets": {"existing": "treadle"}}
"""The values that have to be given."""

PROFILES = """\
default = "cx3d-2x5"
[cx3d-2x5]
[gx3d-24x120x1a100p]
engine = "ray:gpu"
[mx3d-16x500]
engine = "ray:large-memory"
"""

LARGEST: Document = {
    "objects": {
        "url": "s3://treadle",
        "endpoint": "https://s3.example.com:9000",
        "publicEndpoint": "https://objects.example.com",
        "region": "eu-1",
        "addressing": "virtual",
    },
    "secrets": {
        "values": {
            "treadle_database": "postgresql://treadle:secret@db/treadle",
            "treadle_secret_key": "0" * 64,
            "treadle_owner_token": "treadle_token",
            "ray_auth_token": "ray",
            "treadle_objects_secret_key": "secret",
        }
    },
    "image": {"repository": "registry.example.com/treadle", "tag": "1.2.3", "pullSecrets": [{"name": "registry"}]},
    "computeProfiles": PROFILES,
    "settings": {"TREADLE_LARGEST_FILE": 107374182400, "TREADLE_STRICT_BUDGET": True, "TREADLE_GRACE_SECONDS": 2.5},
    "gateway": {"autoscaling": {"enabled": True}, "annotations": {"a": "b"}, "nodeSelector": {"pool": "web"}},
    "ingress": {"enabled": True, "className": "nginx", "host": "treadle.example.com", "tlsSecret": "certificate"},
    "ray": {
        "workers": {
            "gpu": {"enabled": True, "nodeSelector": {"accelerator": "a100"}},
            "large-memory": {
                "enabled": True,
                "engine": "large-memory",
                "min": 1,
                "max": 3,
                "resources": {"limits": {"cpu": "16", "memory": "500Gi"}},
                "nodeSelector": {"pool": "large"},
            },
        }
    },
    "networkPolicy": {
        "operator": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kuberay"}}}],
        "objects": {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "port": 9000},
    },
    "serviceAccount": {"annotations": {"role": "treadle"}},
}
"""All that can be chosen is."""

BOTH = {"smallest": SMALLEST, "largest": LARGEST}


def texts(values: Document) -> dict[str, str]:
    """Return what Helm makes of each template."""
    return dict(_rendered(json.dumps(values)))


def documents(values: Document, kind: str = "") -> list[Document]:
    """Return what would be created, of one kind or of all."""
    return [document for document in _documents(json.dumps(values)) if kind in ("", document["kind"])]


def document(values: Document, kind: str, name: str) -> Document:
    """Return one that would be created."""
    [found] = [each for each in documents(values, kind) if each["metadata"]["name"] == name]
    return found


@cache
def _rendered(values: str) -> Mapping[str, str]:
    with helm_python.Chart.load(CHART) as chart:
        return chart.render(json.loads(values), name="treadle", namespace="quantum")


@cache
def _documents(values: str) -> list[Document]:
    manifests = (text for name, text in _rendered(values).items() if name.endswith(".yaml"))
    return [each for text in manifests for each in yaml.safe_load_all(text) if each]


@dataclass(frozen=True)
class Pod:
    """A pod that would run.

    Attributes:
        name: What it is: a component, or a group of Ray's nodes.
        labels: Its labels, with those that KubeRay adds.
        spec: Its specification.
    """

    name: str
    labels: dict[str, str]
    spec: Document

    @property
    def containers(self) -> list[Document]:
        """All its containers."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def container(self, name: str) -> Document:
        """One of its containers."""
        [found] = [each for each in self.containers if each["name"] == name]
        return found


def pods(values: Document) -> dict[str, Pod]:
    """Return a pod of each kind."""
    deployed = [
        Pod(each["metadata"]["labels"]["app.kubernetes.io/component"], *_template(each["spec"]["template"]))
        for each in documents(values, "Deployment")
    ]
    return {pod.name: pod for pod in (*deployed, *ray_pods(values))}


def ray_pods(values: Document) -> Iterator[Pod]:
    """Return a pod of each group of Ray's nodes."""
    for cluster in documents(values, "RayCluster"):
        groups = {"head": cluster["spec"]["headGroupSpec"]}
        groups |= {f"ray-{each['groupName']}": each for each in cluster["spec"]["workerGroupSpecs"]}
        for name, group in groups.items():
            labels, spec = _template(group["template"])
            kind = "head" if name == "head" else "worker"
            added = {"ray.io/cluster": cluster["metadata"]["name"], "ray.io/node-type": kind}
            yield Pod(name, {**labels, **added}, spec)


def _template(template: Document) -> tuple[dict[str, str], Document]:
    return template["metadata"]["labels"], template["spec"]


def variables(container: Document) -> dict[str, str]:
    """Return the variables of a container whose values are not secret."""
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}
