"""Large results of a platform on S3: who asks for one by its own route is led to the store, the others get it all the same."""

from collections.abc import Iterator

import pytest

from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform, Traffic, start_platform
from tests.s3 import S3Server

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages

FOLLOW_REDIRECTS = {"0.18.1": False, "0.24.0": False, "0.30.1": False, "0.35.1": True, "0.37.0": True}


@pytest.fixture(scope="module")
def s3_platform(s3: S3Server) -> Iterator[RunningPlatform]:
    running = start_platform(**s3.settings())
    yield running
    running.close()


def test_a_large_result_arrives_by_redirect_or_through_the_gateway(
    researcher: Researcher, s3_platform: RunningPlatform
) -> None:
    first = researcher.tell("large_result", s3_platform)["seen"]
    traffic = Traffic(s3_platform)
    again = researcher.tell("large_result", s3_platform, job=first["job"])["seen"]

    assert again == first == {"job": first["job"], "text_is_equal": True, "numbers_are_equal": True}
    assert (traffic.size < 2**20) is FOLLOW_REDIRECTS[researcher.release]
