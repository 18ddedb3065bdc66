"""Every metric there is: its name, its kind, what it says, and by what it is split."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
_SOURCE = ("source", "mode")
_DESTINATION = ("destination", "mode")


@dataclass(frozen=True, slots=True)
class Metric:
    """``name`` as monitors see it. A source or destination is told by ``NUMBER NAME``: a name may change."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()


def _metric(name: str, kind: Kind, text: str, *labels: str) -> tuple[str, Metric]:
    return name, Metric(f"ours_{name}", kind, text, labels)


CATALOGUE = dict(
    (
        _metric("events_received_total", "counter", "Valid events, including duplicates.", *_SOURCE),
        _metric("events_duplicate_total", "counter", "Events that had been received before.", *_SOURCE),
        _metric("events_rejected_total", "counter", "Events of a known key that were answered 4xx.", *_SOURCE),
        _metric("requests_unavailable_total", "counter",
                "Requests from backends that this process has answered 503 since it started.", "reason"),
        _metric("database_up", "gauge",
                "1 if the process that answers can read the database. If 0, it only reports what it sees itself."),
        _metric("events_unrouted", "gauge", "Events that wait to be routed."),
        _metric("events_unrouted_age_seconds", "gauge", "How long the oldest of them has waited."),
        _metric("attempts_total", "counter", "Tries to deliver, by outcome.", *_DESTINATION, "outcome"),
        _metric("attempt_seconds", "histogram", "How long a try took.", *_DESTINATION),
        _metric("delivery_seconds", "histogram",
                "For what arrived: time from routing to the answer, including retries.", *_DESTINATION),
        _metric("dispatches_open", "gauge", "Dispatches that are pending, sending, retrying or held.",
                *_DESTINATION, "state"),
        _metric("dispatches_due_age_seconds", "gauge", "How long the oldest due dispatch has been due.", "destination"),
        _metric("breaker_state", "gauge", "0 closed, 1 half open, 2 open.", "destination"),
        _metric("destination_on", "gauge", "1 on, 0 paused or off.", "destination", "status"),
        _metric("destination_plugin_loaded", "gauge",
                "0 if the plugin that it needs is not loaded: what is owed to it is held.", "destination"),
        _metric("balance", "gauge",
                "The balance: accepted, expected, and decisions by state; as last counted.", "figure"),
        _metric("balance_difference", "gauge", "Decisions that are missing (or, below zero, too many). Must be 0."),
        _metric("balance_age_seconds", "gauge",
                "How long ago the balance was counted. It counts everything, so it is not counted for each scrape."),
        _metric("scheduler_age_seconds", "gauge", "How long ago an active scheduler last worked."),
        _metric("queue_up", "gauge", "1 if the queue accepts pokes. 0 only costs time."),
        _metric("disk_free_bytes", "gauge", "Free disk space in the data folder of the process that answers."),
        _metric("disk_least_bytes", "gauge", "Below this much free disk, new events are answered 503."),
        _metric("backlog_most", "gauge", "Above this many unrouted events, new ones are answered 503."),
        _metric("plugins_loaded", "gauge", "Destination plugins that are loaded."),
        _metric("plugins_set_aside", "gauge", "Destination plugins that failed to load."),
        _metric("info", "gauge", "Always 1.", "version"),
    )
)  # fmt: skip
