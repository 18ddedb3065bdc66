"""What forgetting a visitor took away, as it is counted, kept and told."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import orjson

from ours import clock
from ours.core import subjects
from ours.services import audit

VERB: Final = "forget"


@dataclass(frozen=True, slots=True)
class Place:
    """A destination that was sent something. ``tried``: sent, without that it was ever taken for certain."""

    id: int
    name: str
    delivered: int
    tried: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was taken away, by whom, and where it had gone before; ``id`` is that of the audit log's entry. What a
    forgetting before, that had to give up, had taken is counted with it.

    ``twins``: visitors of the other mode that the same names name, who are still here. ``scrubbed``: no trace is left
    in SQLite's files either.
    """

    id: str
    actor: str
    visitor_id: str
    mode: str
    forgotten_at: int
    visitors: int
    identifiers: int
    events: int
    attempts: int
    stopped: int
    destinations: Sequence[Place]
    twins: Sequence[str]
    scrubbed: bool = True

    @property
    def document(self) -> dict[str, Any]:
        """As programs are given it."""
        places = [
            {"id": place.id, "name": place.name, "delivered": place.delivered, "tried": place.tried,
             "lastAt": clock.iso(place.last_at)}
            for place in self.destinations
        ]  # fmt: skip
        counts = {name: getattr(self, name) for name in ("visitors", "identifiers", "events", "attempts", "stopped")}
        told = {
            "id": self.id,
            "visitor": self.visitor_id,
            "mode": self.mode,
            "forgottenAt": clock.iso(self.forgotten_at),
            "by": self.actor,
        }
        return told | counts | {"destinations": places, "otherMode": list(self.twins), "scrubbed": self.scrubbed}


def receipt_of(entry: audit.Entry, here: Iterable[str]) -> Receipt | None:
    """The receipt of an entry of the audit log, if it keeps one; of the twins those who are ``here``."""
    kept = dict(entry.detail)
    if entry.verb != VERB or "mode" not in kept:
        return None
    kept["destinations"] = [Place(**one) for one in kept["destinations"]]
    kept["twins"] = [one for one in kept["twins"] if one in set(here)]
    _, visitor_id = subjects.read(entry.subject)
    return Receipt(entry.id, entry.actor, visitor_id, forgotten_at=entry.at, **kept)


@dataclass(slots=True)
class Taken:
    """What was taken from a visitor's events so far. It is kept with who was forgotten, and grows with each part of the
    events, so that whoever goes on with a forgetting that had to give up counts all of them.
    """

    events: int = 0
    attempts: int = 0
    stopped: int = 0
    places: dict[int, Place] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Iterable[str]) -> "Taken":
        whole = cls()
        for told in map(orjson.loads, texts):
            whole.add(told["events"], told["attempts"], told["stopped"], [Place(**one) for one in told["destinations"]])
        return whole

    def add(self, events: int, attempts: int, stopped: int, places: Iterable[Place]) -> None:
        self.events += events
        self.attempts += attempts
        self.stopped += stopped
        for one in places:
            before = self.places.get(one.id, replace(one, delivered=0, tried=0))
            self.places[one.id] = Place(one.id, one.name, before.delivered + one.delivered, before.tried + one.tried,
                                        max(before.last_at, one.last_at))  # fmt: skip

    @property
    def document(self) -> dict[str, Any]:
        counts = {"events": self.events, "attempts": self.attempts, "stopped": self.stopped}
        return counts | {"destinations": [asdict(self.places[one]) for one in sorted(self.places)]}

    @property
    def text(self) -> str:
        return orjson.dumps(self.document).decode()
