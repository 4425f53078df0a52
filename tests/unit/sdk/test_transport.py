"""Talking to a gateway: what is repeated and what is not, errors by kind, connections reused."""

import copy
import gc
import multiprocessing
import pickle
import platform

import httpx2
import pytest

from qiskit_serverless.connections import Patience
from qiskit_serverless.exceptions import (
    AccessError,
    DisabledFunctionError,
    GatewayConnectionError,
    GatewayError,
    InvalidArgumentError,
    InvalidRequestError,
    LimitError,
    NotFoundError,
)
from qiskit_serverless.sync.transport import Transport
from tests.unit.sdk.scripted_gateway import Answer, ScriptedGateway, refused_url, stream

QUICK = Patience(first_pause=0.001, longest_pause=0.002, in_all=0.01)


@pytest.fixture
def transport(gateway: ScriptedGateway) -> Transport:
    return Transport(gateway.url, {"Authorization": "Bearer t"}, QUICK)


def test_pauses_grow_up_to_a_limit_and_end() -> None:
    assert list(Patience(first_pause=1, longest_pause=4, in_all=12).pauses()) == [1, 2, 4, 4]
    assert sum(Patience().pauses()) <= 5


def test_one_connection_serves_many_requests(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/x", {"n": 1})
    for _ in range(5):
        assert transport.request("GET", "/x").json() == {"n": 1}
    assert len({request.connection for request in gateway.requests}) == 1


def test_headers_are_sent_with_each_request(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/x", {})
    transport.request("GET", "/x", params={"a": "b c", "n": 1})
    [request] = gateway.requests
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["user-agent"].startswith("treadle/")
    assert request.headers["user-agent"].endswith(f"python/{platform.python_version()}")
    assert request.query == {"a": "b c", "n": "1"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "trouble", [Answer(cut="before"), Answer(b"{", cut="after"), Answer({}, 503), Answer({}, 502), Answer({}, 504)]
)
def test_what_is_safe_is_repeated(gateway: ScriptedGateway, transport: Transport, method: str, trouble: Answer) -> None:
    gateway.answer(method, "/x", trouble, trouble, {"well": True})
    assert transport.request(method, "/x").json() == {"well": True}
    assert len(gateway.requests) == 3


@pytest.mark.parametrize("trouble", [Answer(cut="before"), Answer({}, 503)])
def test_what_may_have_been_done_is_not_repeated(
    gateway: ScriptedGateway, transport: Transport, trouble: Answer
) -> None:
    gateway.answer("POST", "/x", trouble, {"well": True})
    with pytest.raises(GatewayConnectionError if trouble.cut else GatewayError):
        transport.request("POST", "/x", json={})
    assert len(gateway.requests) == 1


class OpensLate(httpx2.HTTPTransport):
    """A network on which the first connections are refused."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.refusals:
            self.refusals -= 1
            raise httpx2.ConnectError("[Errno 111] Connection refused", request=request)
        return super().handle_request(request)


def test_what_was_not_even_sent_is_repeated(gateway: ScriptedGateway) -> None:
    gateway.answer("POST", "/x", {"well": True})
    transport = Transport(gateway.url, {}, QUICK, underlying=OpensLate(refusals=3))
    assert transport.request("POST", "/x", json={"a": 1}).json() == {"well": True}
    assert [request.json for request in gateway.requests] == [{"a": 1}]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_patience_ends(method: str) -> None:
    transport = Transport(refused_url(), {}, QUICK)
    with pytest.raises(GatewayConnectionError, match=r"at http://127\.0\.0\.1:\d+ does not answer: .*`treadle up`"):
        transport.request(method, "/x")


def test_patience_ends_for_an_unavailable_gateway_with_its_answer(
    gateway: ScriptedGateway, transport: Transport
) -> None:
    gateway.answer("GET", "/x", Answer({"message": "starting"}, 503))
    with pytest.raises(GatewayError, match=r"Code: 503\n\| Details: starting"):
        transport.request("GET", "/x")
    assert len(gateway.requests) > 2


def test_without_patience_there_is_one_try(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/x", Answer(cut="before"), {})
    with pytest.raises(GatewayConnectionError):
        transport.request("GET", "/x", patient=False)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AccessError),
        (403, AccessError),
        (404, NotFoundError),
        (423, DisabledFunctionError),
        (429, LimitError),
        (500, GatewayError),
    ],
)
def test_errors_come_by_kind(
    gateway: ScriptedGateway, transport: Transport, status: int, kind: type[GatewayError]
) -> None:
    gateway.answer("POST", "/x", Answer({"message": "so it is"}, status))
    with pytest.raises(GatewayError) as caught:
        transport.request("POST", "/x")
    assert type(caught.value) is kind
    assert (caught.value.status_code, caught.value.details) == (status, "so it is")
    assert str(caught.value) == f"\n| Message: Http bad request.\n| Code: {status}\n| Details: so it is"


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"detail": "no token"}, "no token"),
        ({"message": "wrong", "path": ["a", 1]}, "wrong['a', 1]"),
        (b"<html>\n  <b>Not Found</b></html>", "<html> <b>Not Found</b></html>"),
        (["odd"], '["odd"]'),
        (b"x" * 1000, "x" * 500 + "..."),
        (b"", ""),
    ],
)
def test_whatever_an_error_says_is_told(
    gateway: ScriptedGateway, transport: Transport, body: object, details: str
) -> None:
    gateway.answer("POST", "/x", Answer(body, 400))
    with pytest.raises(InvalidRequestError) as caught:
        transport.request("POST", "/x")
    assert caught.value.details == details


def test_the_timeout_can_be_set(monkeypatch: pytest.MonkeyPatch, gateway: ScriptedGateway) -> None:
    monkeypatch.setenv("REQUESTS_TIMEOUT_OVERRIDE", "0.05")
    transport = Transport("http://10.255.255.1", {}, QUICK, underlying=NeverAnswers())
    with pytest.raises(GatewayConnectionError, match=r"timed out after 0\.05"):
        transport.request("POST", "/x")
    monkeypatch.setenv("REQUESTS_TIMEOUT_OVERRIDE", "soon")
    with pytest.raises(InvalidArgumentError, match="REQUESTS_TIMEOUT_OVERRIDE is a number of seconds, not 'soon'"):
        Transport(gateway.url, {}).request("GET", "/x")


class NeverAnswers(httpx2.BaseTransport):
    """A network without an answer; it tells how long was waited for one."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout(f"timed out after {request.extensions['timeout']['read']}", request=request)


def test_a_proxy_is_not_asked_for_our_own_machine(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", refused_url())
    monkeypatch.setenv("ALL_PROXY", refused_url())
    gateway.answer("GET", "/x", {"well": True})
    assert Transport(gateway.url, {}, QUICK).request("GET", "/x").json() == {"well": True}


def test_a_redirect_is_not_followed_without_encryption(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/x", Answer(b"moved", 302, {"Location": refused_url()}))
    with pytest.raises(GatewayError, match="Code: 302"):
        transport.request("GET", "/x")


def test_a_transport_that_nobody_has_any_more_closes_its_connections(gateway: ScriptedGateway) -> None:
    gateway.answer("GET", "/x", {})
    transport = Transport(gateway.url, {}, QUICK)
    transport.request("GET", "/x")
    pool = transport._http
    del transport
    gc.collect()
    assert pool.is_closed


def test_a_forked_process_uses_connections_of_its_own(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/parent", {})
    gateway.answer("GET", "/child", {})
    transport.request("GET", "/parent")

    child = multiprocessing.get_context("fork").Process(target=transport.request, args=("GET", "/child"))
    child.start()
    child.join()

    transport.request("GET", "/parent")
    before, of_child, after = (request.connection for request in gateway.requests)
    assert before == after != of_child


def test_a_transport_that_is_copied_or_pickled_leaves_its_connections_behind(
    gateway: ScriptedGateway, transport: Transport
) -> None:
    gateway.answer("GET", "/x", {})
    transport.request("GET", "/x")
    for other in (copy.deepcopy(transport), pickle.loads(pickle.dumps(transport))):
        assert other == transport
        other.request("GET", "/x")
        other.close()
    assert len({request.connection for request in gateway.requests}) == 3
    assert gateway.requests[-1].headers["authorization"] == "Bearer t"


def test_events_are_read_as_they_come(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/s", stream(("status", {"a": 1}, "1.0"), ("log", {"text": "x\ny"}, "1.3"), cut=""))
    with transport.events("/s", {"logs": "true"}, "0.0", quiet_seconds=5) as events:
        assert [(event.event, event.json(), event.id) for event in events] == [
            ("status", {"a": 1}, "1.0"),
            ("log", {"text": "x\ny"}, "1.3"),
        ]
    [request] = gateway.requests
    assert request.query == {"logs": "true"}
    assert request.headers["last-event-id"] == "0.0"
    assert request.headers["accept"] == "text/event-stream"


def test_an_event_may_be_large(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/s", stream(("log", {"text": "x" * 3_000_000}, "1"), cut=""))
    with transport.events("/s", {}, "", quiet_seconds=5) as events:
        assert len(next(events).json()["text"]) == 3_000_000  # type: ignore[index]


def test_a_stream_that_breaks_is_a_connection_error(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/s", stream(("status", {}, "1")))
    seen = []
    with pytest.raises(GatewayConnectionError), transport.events("/s", {}, "", quiet_seconds=5) as events:
        seen.extend(event.id for event in events)
    assert seen == ["1"]


def test_a_stream_that_is_refused_says_why(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/s", Answer({"message": "not yours"}, 404))
    with pytest.raises(NotFoundError, match="not yours"), transport.events("/s", {}, "", quiet_seconds=5):
        pass


def test_a_page_that_is_no_stream_counts_as_not_there(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/s", {"not": "a stream"})
    with pytest.raises(NotFoundError, match="is not a stream"), transport.events("/s", {}, "", quiet_seconds=5):
        pass


def test_a_stream_on_which_nothing_comes_counts_as_broken(gateway: ScriptedGateway, transport: Transport) -> None:
    gateway.answer("GET", "/s", stream(("status", {}, "1"), cut="never"))
    with transport.events("/s", {}, "", quiet_seconds=0.05) as events:
        assert next(events).id == "1"
        with pytest.raises(httpx2.ReadTimeout):
            next(events)
