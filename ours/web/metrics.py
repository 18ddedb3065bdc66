"""``/metrics`` for Prometheus. Only this machine may ask, or whoever has the token."""

import hmac
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ours.services.metrics import CATALOGUE, Sample
from ours.web.current import ours

blueprint = Blueprint("metrics", __name__)
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
_NO = "Set OURS_METRICS_TOKEN and send it as `Authorization: Bearer TOKEN`, or ask from the same machine.\n"


@blueprint.get("/metrics")
def metrics() -> Response:
    if not _may_ask():
        return Response(_NO, 403, mimetype="text/plain")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Rows(ours().metrics.read()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


def _may_ask() -> bool:
    """Behind a proxy on this machine everybody seems to be local: what came through one needs the token."""
    if token := ours().settings.metrics_token:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
    local = request.remote_addr in {"127.0.0.1", "::1"}
    return local and not any(name in request.headers for name in _FORWARDED)


class _Rows(Collector):
    """The samples, in the library's words."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        families = {key: Metric(one.name.removesuffix("_total"), one.text, one.kind) for key, one in CATALOGUE.items()}
        for sample in self._samples:
            one = CATALOGUE[sample.metric]
            labels = dict(zip(one.labels, sample.labels, strict=True))
            if one.kind == "histogram":
                _add_histogram(families[sample.metric], labels, sample)
            else:
                families[sample.metric].add_sample(one.name, labels, sample.value)
        yield from families.values()


def _add_histogram(family: Metric, labels: dict[str, str], sample: Sample) -> None:
    for bound, count in sample.buckets:
        family.add_sample(f"{family.name}_bucket", labels | {"le": bound}, count)
    family.add_sample(f"{family.name}_count", labels, sample.buckets[-1][1])
    family.add_sample(f"{family.name}_sum", labels, sample.value)


def document() -> str:
    """``docs/metrics.md``."""
    rows = []
    for one in CATALOGUE.values():
        labels = ", ".join(f"`{label}`" for label in one.labels) or "–"
        rows.append(f"| `{one.name}` | {one.kind} | {one.text} | {labels} |")
    return _HEAD + "\n".join(rows) + "\n"


_HEAD = """# Metrics

For operators. `GET /metrics` answers in the Prometheus format. Without `OURS_METRICS_TOKEN`, only the machine itself
may ask, and not through a proxy; with it, whoever sends `Authorization: Bearer TOKEN`.

Nearly everything is read from rows, so a restart loses nothing, and every web process gives the same answer: take `max`
over them, never `sum`. Still, let Prometheus scrape each web process: `ours_requests_unavailable_total`,
`ours_database_up`, `ours_queue_up` and `ours_disk_free_bytes` are what that process has seen itself. While the database
is away, or has not answered for a minute, only these and the limits are reported.

What is read from rows is cached for five seconds, or for twenty times as long as reading it took, up to a minute. If
reading it again takes longer than seven seconds, it is cached for a minute more, because Prometheus waits for ten. The
scheduler adds up once and for all what is more than three minutes old, so a scrape stays cheap with millions of events.
Sources and destinations are labelled `NUMBER NAME`.
[deploy/prometheus/alerts.yaml](../deploy/prometheus/alerts.yaml) and
[deploy/grafana/ours.json](../deploy/grafana/ours.json) use these names; a test compares.

This page is generated from the code (`python -m ours.web.metrics > docs/metrics.md`).

| metric | kind | what it says | split by |
|---|---|---|---|
"""

if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
