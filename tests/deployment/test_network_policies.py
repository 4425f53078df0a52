"""Who may talk to whom in Kubernetes: the policies of the chart, read as Kubernetes reads them."""

import ipaddress

import pytest

from tests.deployment.chart import LARGEST, SMALLEST, Document, Pod, documents, pods
from tests.deployment.test_chart import selects, with_values

HTTP, GCS, POSTGRESQL, HTTPS, KUBERNETES = 8642, 6379, 5432, 443, 6443
INGRESS = {"kubernetes.io/metadata.name": "ingress-nginx"}


def port_matches(rule: Document, port: int) -> bool:
    wanted = [each["port"] for each in rule.get("ports", [])]
    return not wanted or port in wanted or (port == HTTP and "http" in wanted)


def policies_of(values: Document, pod: Pod, direction: str) -> list[Document]:
    """Return the policies that hold for a pod in a direction."""
    return [
        each["spec"]
        for each in documents(values, "NetworkPolicy")
        if direction in each["spec"]["policyTypes"] and selects(each["spec"]["podSelector"], pod.labels)
    ]


def rules(values: Document, pod: Pod, direction: str, port: int) -> list[Document]:
    """Return the peers that a pod may talk to, or that may talk to it, at a port."""
    found = [rule for spec in policies_of(values, pod, direction) for rule in spec.get(direction.lower(), [])]
    end = "from" if direction == "Ingress" else "to"
    return [peer for rule in found if port_matches(rule, port) for peer in rule.get(end, [])]


def may_talk(values: Document, source: Pod, target: Pod, port: int) -> bool:
    """Return whether a connection from pod to pod passes the policies of both."""

    def named(peers: list[Document], pod: Pod) -> bool:
        return any("podSelector" in peer and selects(peer["podSelector"], pod.labels) for peer in peers)

    return named(rules(values, source, "Egress", port), target) and named(
        rules(values, target, "Ingress", port), source
    )


def may_reach(values: Document, source: Pod, address: str, port: int) -> bool:
    """Return whether a pod may open a connection to an address outside."""
    blocks = [peer["ipBlock"] for peer in rules(values, source, "Egress", port) if "ipBlock" in peer]
    place = ipaddress.ip_address(address)
    return any(
        place in ipaddress.ip_network(block["cidr"])
        and not any(place in ipaddress.ip_network(each) for each in block.get("except", []))
        for block in blocks
    )


def test_every_pod_is_closed_in_both_directions_unless_a_policy_opens_it() -> None:
    for pod in pods(LARGEST).values():
        for direction in ("Ingress", "Egress"):
            assert policies_of(LARGEST, pod, direction)


@pytest.mark.parametrize("port", [HTTP, GCS, 8265, 10001])
def test_pods_talk_to_each_other_only_where_they_have_to(port: int) -> None:
    there = pods(LARGEST)
    nodes = [name for name in there if name not in ("gateway", "dispatcher")]
    on_ray = {(a, b) for a in (*nodes, "dispatcher") for b in (*nodes, "dispatcher")}
    to_gateways = {(a, "gateway") for a in (*nodes, "dispatcher")}

    talking = {(a, b) for a in there for b in there if may_talk(LARGEST, there[a], there[b], port)}

    assert talking == (on_ray | to_gateways if port == HTTP else on_ray)


def test_clients_come_to_gateways_alone() -> None:
    for name, pod in pods(SMALLEST).items():
        let_in = [peer.get("namespaceSelector") for peer in rules(SMALLEST, pod, "Ingress", HTTP)]
        assert ({"matchLabels": INGRESS} in let_in) is (name == "gateway")


def test_only_gateways_and_dispatchers_reach_the_database() -> None:
    for name, pod in pods(SMALLEST).items():
        for address in ("10.0.0.5", "203.0.113.5"):
            assert may_reach(SMALLEST, pod, address, POSTGRESQL) is (name in ("gateway", "dispatcher"))


def test_only_the_autoscaler_reaches_kubernetes_and_programs_reach_the_internet_but_nothing_private() -> None:
    for name, pod in pods(SMALLEST).items():
        assert may_reach(SMALLEST, pod, "203.0.113.5", HTTPS)
        assert may_reach(SMALLEST, pod, "10.0.0.1", KUBERNETES) is (name == "head")
        assert may_reach(SMALLEST, pod, "10.0.0.1", HTTPS) is (name == "head")
        assert not may_reach(SMALLEST, pod, "169.254.169.254", 80)


def test_a_bucket_in_a_private_network_is_reached_by_all() -> None:
    for pod in pods(LARGEST).values():
        assert may_reach(LARGEST, pod, "10.1.2.3", 9000)
        assert not may_reach(SMALLEST, pod, "10.1.2.3", 9000)


def test_policies_can_be_left_to_others() -> None:
    assert documents(with_values(SMALLEST, "networkPolicy.enabled", False), "NetworkPolicy") == []
