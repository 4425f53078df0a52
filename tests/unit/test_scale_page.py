"""docs/scale.md says what its formulas give."""

from pathlib import Path

import pytest
from benchmarks.scale.model import Work

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
MILLION = Work(1_000_000, seconds=60, stages=3, log_parts=12, peak=4)


@pytest.mark.parametrize(
    ("of", "mean"),
    [
        ("jobs a second", MILLION.jobs_a_second),
        ("jobs running at once", MILLION.running),
        ("requests to gateways a second", MILLION.jobs_a_second * MILLION.requests),
        ("writing transactions a second", MILLION.jobs_a_second * MILLION.writes),
        ("objects written a second, in a bucket", MILLION.jobs_a_second * MILLION.objects),
    ],
)
def test_the_page_shows_what_a_million_jobs_a_day_are(of: str, mean: float) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| {of} |")]
    shown_mean, shown_peak = (float(cell.replace(",", "")) for cell in row.split("|")[2:4])
    assert shown_mean == pytest.approx(mean, rel=0.01)
    assert shown_peak == pytest.approx(MILLION.peak * mean, rel=0.01)
