"""Whose call it was in which a worker crashed: the plugin is at fault, as if it had raised something there.

Of what else that worker had in hand nobody knows more than of any that was killed; the sweep sees to it.
"""

import re
from pathlib import Path

from sqlalchemy import Connection

from ours import lastwords, log
from ours.core.breaker import Verdict
from ours.lastwords import LastWords
from ours.services.deliver.exchange import exchange
from ours.services.deliver.health import Health
from ours.services.deliver.targets import Targets
from ours.store import Store, binding
from ours.store.queries import destinations, dispatches, moments
from ours.store.queries.dispatches import NewAttempt, Settled

_VERDICTS: dict[str, Verdict] = {"read": "read_failed", "read_batch": "read_failed", "send": "send_failed"}
_UNSENT = {"build", "item"}
_NOTED = re.compile(r"([a-z_]+) ([0-9]{1,9}) (\S+)")
"""As ``faults.owned`` notes it."""
_logger = log.get("deliver")


class Crashes:
    def __init__(self, store: Store, targets: Targets, health: Health) -> None:
        self._store = store
        self._targets = targets
        self._health = health

    def hear(self, home: Path) -> None:
        """Take note of how processes of this data folder crashed since somebody asked last.

        :raises Busy: when the database is away; ask again.
        """
        for words in lastwords.left(home):
            if noted := _NOTED.fullmatch(words.doing):
                self._blame(words, *noted.groups())
            else:
                place = lastwords.place_in(words.frames, None)
                _logger.error("worker_crashed", cause=words.cause, place=place)

    def _blame(self, words: LastWords, verb: str, destination: str, dispatch: str) -> None:
        destination_id = int(destination)
        verdict = _VERDICTS.get(verb, "build_failed")
        with self._store.write() as connection:
            now = moments.common(connection)
            row = destinations.locked(connection, destination_id)
            place = lastwords.place_in(words.frames, self._targets.home(row.slug) if row else None)
            mode = self._reject(connection, words, verb, dispatch, place, now) if verb in _UNSENT else "live"
            if mode == "live":
                self._health.blame(connection, destination_id, verdict, now)
        _logger.error("plugin_crashed", plugin=row.slug if row else None, destination=destination_id, verb=verb,
                      dispatch=dispatch, cause=words.cause, place=place)  # fmt: skip

    def _reject(
        self, connection: Connection, words: LastWords, verb: str, dispatch: str, place: str | None, now: int
    ) -> str | None:
        """Nothing of it was sent, so it ends here, and ends no other worker. Answers its mode, if it was in hand."""
        row = dispatches.in_hand_of(connection, dispatch, words.who)
        if row is None:
            return None
        said = f"The plugin's {verb}() ended the worker: {words.cause.lower()}{f' ({place})' if place else ''}."
        dispatches.settle(connection, [Settled(row.id, "rejected", "build_failed", None)], holder=words.who, now=now)
        kept = self._store.sealer.seal_json(exchange(None, None, said, {}), binding.attempt(row.id, row.attempts))
        took = now - row.updated_at
        attempt = NewAttempt(row.id, row.attempts, row.updated_at, took, "rejected", "build_failed", None, "", 0, kept)
        dispatches.record(connection, [attempt])
        return str(row.mode)
