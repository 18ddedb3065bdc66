"""``/metrics``: who may ask, and that dashboard, alert rules and documentation speak of metrics that there are."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ours.bootstrap import Ours
from ours.services.metrics import CATALOGUE
from ours.settings import Settings
from ours.web import create_app
from ours.web.metrics import document

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[..., Ours]


@pytest.fixture
def make(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Make]:
    make_database_url("sqlite")
    made: list[Ours] = []

    def opened(**settings: str) -> Ours:
        made.append(Ours(make_settings(**settings)))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def test_prometheus_can_read_it(make: Make) -> None:
    ours = make()
    ours.sources.add('My "backend"', actor="cli")
    ours.destinations.add("file", "Archive", {"folder": str(ours.settings.home / "out")}, events=["*"], actor="cli")
    answer = create_app(ours).test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert set(families) == {one.name.removesuffix("_total") for one in CATALOGUE.values()}
    assert families["ours_breaker_state"].samples[0].labels == {"destination": "1 Archive"}


def test_without_a_token_only_this_machine_may_ask(make: Make) -> None:
    client = create_app(make()).test_client()
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 403
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert client.get("/metrics", headers={header: "203.0.113.9"}).status_code == 403
    refused = client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert "OURS_METRICS_TOKEN" in refused.text


def test_with_a_token_whoever_has_it_may_ask(make: Make) -> None:
    client = create_app(make(metrics_token="let-me-see")).test_client()
    far = {"REMOTE_ADDR": "10.0.0.9"}
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer let-me-seé"}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Basic let-me-see"}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}, environ_base=far).status_code == 200


def test_a_monitor_need_not_know_what_the_dashboard_is_called(make: Make) -> None:
    on_this_machine = create_app(make(allowed_hosts="ours.example.com")).test_client()
    for host, status in {"127.0.0.1:8000": 200, "localhost": 200, "ours.example.com": 200, "evil.example": 400}.items():
        assert on_this_machine.get("/metrics", headers={"Host": host}).status_code == status
    with_token = create_app(make(allowed_hosts="ours.example.com", metrics_token="let-me-see")).test_client()
    given = {"Host": "10.0.0.7:8000", "Authorization": "Bearer let-me-see"}
    assert with_token.get("/metrics", headers=given).status_code == 200
    assert with_token.get("/sign-in", headers=given).status_code == 400


@pytest.mark.parametrize("file", ["prometheus/alerts.yaml", "grafana/ours.json"])
def test_files_in_deploy_name_only_metrics_that_there_are(file: str) -> None:
    told = {one.name for one in CATALOGUE.values()}
    told |= {f"{one.name}_bucket" for one in CATALOGUE.values() if one.kind == "histogram"}
    named = set(re.findall(r"\bours_[a-z_]+\b", (ROOT / "deploy" / file).read_text()))
    assert len(named) > 10
    assert named <= told


def test_a_scheduler_that_never_began_is_paged_for_too(make: Make) -> None:
    """There is no age of what never was, so that no age is ever too high."""
    told = create_app(make()).test_client().get("/metrics").text
    assert "\nours_scheduler_age_seconds " not in told
    assert "absent(ours_scheduler_age_seconds)" in (ROOT / "deploy/prometheus/alerts.yaml").read_text()


def test_what_somebody_is_paged_for_stands_on_the_dashboard() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
    paged = {rule["expr"] for rule in rules if rule["labels"]["severity"] == "page"}
    named = set(re.findall(r"\bours_[a-z_]+\b", " ".join(paged))) - {"ours_disk_least_bytes"}
    assert len(named) > 5
    assert named <= set(re.findall(r"\bours_[a-z_]+\b", (ROOT / "deploy/grafana/ours.json").read_text()))


def test_every_metric_is_documented_and_the_page_is_the_codes() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == document(), "run: python -m ours.web.metrics > docs/metrics.md"
