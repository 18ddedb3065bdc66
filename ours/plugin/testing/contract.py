"""What every destination must keep, asked as tests. ``docs/plugins.md`` shows the three lines that use it."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar
from urllib.parse import unquote

from marshmallow import ValidationError
from requests import PreparedRequest, Request, Response

from ours.plugin.checking import faults
from ours.plugin.destination import Destination, sends_itself
from ours.plugin.settings import describe_settings, dump_settings, load_settings, secrets_of
from ours.plugin.testing.batches import BatchChecks
from ours.plugin.testing.exchange import (
    ANSWERS,
    BODIES,
    MASKS,
    ODD_HEADERS,
    Log,
    answer,
    check_alike,
    check_outcome,
    check_sendable,
    expect,
    prepared,
    text_of,
)
from ours.plugin.testing.keeping import KeepingChecks
from ours.plugin.testing.mistakes import MistakeChecks
from ours.plugin.testing.promises import Promises
from ours.plugin.testing.purity import pure
from ours.plugin.testing.samples import NOW, sample_delivery
from ours.plugin.testing.sending import SendChecks
from ours.plugin.testing.tokens import TokenChecks
from ours.plugin.testing.validators import ValidatorChecks
from ours.plugin.testing.watching import forget, watched
from ours.plugin.types import Delivered, Delivery, Duplicate, Outcome, Rejected, Retry, Skipped

_LEFT = "left-by-the-one-before"


class DestinationContract(
    BatchChecks, SendChecks, TokenChecks, Promises, MistakeChecks, KeepingChecks, ValidatorChecks
):
    """Subclass it, name the class and settings that would work; pytest does the rest."""

    secrets_in_url: ClassVar[bool] = False
    """Set it only where the vendor takes a secret nowhere else than in the address."""

    def test_the_class_declares_what_the_registry_asks_for(self) -> None:
        wrong = faults(self.destination)
        expect(not wrong, " ".join(wrong))
        expect(bool(self.destination.summary), "It has no summary: say in one sentence what it does.")

    def test_every_setting_has_a_label_and_a_help(self) -> None:
        for setting in describe_settings(self.destination):
            expect(
                bool(setting.help) and setting.label != setting.name,
                f'The setting {setting.name} needs metadata={{"label": …, "help": …}}.',
            )

    def test_settings_come_back_from_storage_as_they_were(self) -> None:
        values = self._loaded()
        stored = json.loads(json.dumps(dump_settings(self.destination, values)))
        expect(
            load_settings(self.destination, stored) == values, "Settings differ once they were dumped and loaded again."
        )

    def test_secrets_never_show(self) -> None:
        log = Log()
        with log.listening():
            requests = [built for delivery in self._deliveries() if isinstance(built := self._build(delivery), Request)]
            outcomes = [one for body in BODIES for one in self._read(answer(401, body))]
        forget()
        places = {
            "the address": [] if self.secrets_in_url else [unquote(str(prepared(request).url)) for request in requests],
            "a log line or a print": log.lines,
            "an outcome": [repr(outcome) for outcome in outcomes],
            "the repr of the settings": [repr(self._loaded())],
            "a complaint about the settings": self._complaints(),
        }
        for place, texts in places.items():
            for secret in secrets_of(self._loaded()):
                expect(not any(secret in text for text in texts), f"A secret shows in {place}.")

    def test_secrets_are_sent_in_clear_and_not_masked(self) -> None:
        for delivery in self._deliveries():
            sent = text_of(self._build(delivery))
            expect(not any(mask in sent for mask in MASKS), "A masked secret was sent: call .reveal() on it in build.")

    def test_build_is_pure(self) -> None:
        for delivery in self._deliveries():
            before = repr(delivery)
            plugin = watched(self.destination)
            with pure(self.destination):
                first, second = self._built(plugin, delivery), self._built(plugin, delivery)
            check_alike(first, second)
            expect(repr(delivery) == before, "build changed the delivery that it was handed.")

    def test_build_keeps_nothing_of_a_delivery(self) -> None:
        """What is kept of one person would leave with the next, or be said of them."""
        plugin, sent, said, (full, *_, poor) = watched(self.destination), "", "", self._deliveries()
        marked = {name: _LEFT if isinstance(value, str) else value for name, value in full.fields.items()}
        for fields in (marked, dict.fromkeys(self.destination.default_mapping, _LEFT) | marked):
            with suppress(Exception):  # told by the other tests
                plugin.build(replace(full, fields=fields))
                sent += text_of(self._built(plugin, poor))
            with suppress(Exception):
                plugin.build(replace(full, fields=fields))
                said += repr(plugin.read(answer(400)))
        expect(_LEFT not in sent, "A request has a field of the delivery before it: keep nothing in the class.")
        expect(_LEFT not in said, "read tells a field that build left behind: keep nothing in the class.")

    def test_build_takes_whatever_a_caller_may_send(self) -> None:
        for delivery in self._hostile_deliveries():
            built = self._build(delivery)
            if isinstance(built, Request):
                check_sendable(built, over_http=not sends_itself(self.destination))
            else:
                check_outcome(built)

    def test_build_takes_a_delivery_without_any_field(self) -> None:
        self._build(sample_delivery("minimal", settings=self._loaded(), fields={}))

    def test_every_try_carries_the_id_that_repeats_are_dropped_by(self) -> None:
        if not self.destination.dedupes:
            return
        for delivery in self._deliveries() + self._deliveries(attempt=2, now=NOW + 60_000):
            built = self._build(delivery)
            sent = self.dedupe_id(delivery) in text_of(built) or not isinstance(built, Request)
            expect(sent, "It says dedupes = True, but the request does not carry the id: see dedupe_id.")

    def test_read_understands_any_answer(self) -> None:
        for status, body in ANSWERS:
            for outcome in self._read(answer(status, body, ODD_HEADERS)):
                fine = status < 300 or 400 <= status < 500 or not isinstance(outcome, Delivered | Duplicate)
                expect(fine, f"An answer {status} can't mean that it was delivered.")

    def test_read_honours_retry_after(self) -> None:
        for status in (429, 503):
            for outcome in self._read(answer(status, b"", {"Retry-After": "7"})):
                fine = isinstance(outcome, Retry) and outcome.after == 7
                expect(fine, f"{status} with Retry-After: 7 must be Retry(…, after=7.0): see retry_after().")

    def _complaints(self) -> list[str]:
        return [self._complaint(setting.name) for setting in describe_settings(self.destination)]

    def _complaint(self, name: str) -> str:
        try:
            load_settings(self.destination, {**self.settings, name: [{}], "no_such_setting": 1})
        except ValidationError as error:
            return str(error)
        raise AssertionError(f"{name} took a list, and no_such_setting was taken too.")

    def _build(self, delivery: Delivery) -> Request | Rejected | Skipped:
        return self._built(watched(self.destination), delivery)

    def _built(self, plugin: Destination, delivery: Delivery) -> Request | Rejected | Skipped:
        built = plugin.build(delivery)
        hint = " Leave out .prepare(): Ours does that." if isinstance(built, PreparedRequest) else ""
        expect(isinstance(built, Request | Rejected | Skipped), f"build returned {built!r}, not a Request.{hint}")
        return built

    def sent(self, delivery: Delivery) -> str:
        """All that the request for ``delivery`` says."""
        return text_of(self._build(delivery))

    def _read(self, response: Response) -> list[Outcome]:
        """What it means for one event alone, asked as Ours asks; nothing where no event becomes an item."""
        if self.destination.batching is not None:
            return self._read_batch(response, self._alone) if self._alone else []
        outcome = watched(self.destination).read(response)
        expect(isinstance(outcome, Outcome), f"read returned {outcome!r}, which is no outcome.")
        check_outcome(outcome)
        return [outcome]
