"""The part of the contract that looks for slips which nothing would ever complain of: they would only do nothing."""

import base64
import difflib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from requests import Request

from ours.plugin.destination import Destination
from ours.plugin.mapped import ONE_BRACE, Mapped
from ours.plugin.settings import describe_settings
from ours.plugin.testing.examined import Examined
from ours.plugin.testing.exchange import Log, expect, prepared, text_of
from ours.plugin.testing.purity import standing
from ours.plugin.testing.samples import PERSONAL, UNSENT_BAGS, UNSENT_IDS
from ours.plugin.testing.watching import forget, watched
from ours.plugin.types import Event, Rejected

_ALIKE, _ALMOST_THE_SAME = 0.85, 0.9
_CREDENTIAL = re.compile(
    r"(^|_)(token|secret|password|passwd|passphrase|credentials?|api_?key|(private|secret|signing|auth)_key)$|^key$"
)
_FAR_APART = "UTC0", "AHEAD-9:30"
_EMPTY = {*UNSENT_IDS, *UNSENT_BAGS}
_PLACES = {"user_id": "event.user_id", "external_id": "event.external_id", "email_sha256": "event.email",
           "event_properties": "event.event_properties.value", "user_properties": "visitor.email",
           "default_properties": "event.default_properties.current_url",
           "identity_context": "event.request_context.ip"}  # fmt: skip


class MistakeChecks(Examined):
    def test_no_declaration_is_misspelt(self) -> None:
        known = [name for name in {*vars(Destination), *Destination.__annotations__} if not name.startswith("_")]
        own = {name for kind in self.destination.__mro__ if not issubclass(Destination, kind) for name in vars(kind)}
        meant = {name: near for name in sorted(own.difference(known)) if (near := _meant(name, known, own))}
        told = " ".join(f"It declares {name}: did you mean {near}?" for name, near in meant.items())
        expect(not meant, f"{told} By another name, it means nothing to Ours.")

    def test_templates_have_two_braces(self) -> None:
        for field, row in self.destination.default_mapping.items():
            template = row.template if isinstance(row, Mapped) else row
            found = ONE_BRACE.search(template)
            expect(found is None, f"The template of {field} has {found and found[0]} in it, which is sent as it stands:"
                                  " a value is written with two braces on each side, {{event.event}}.")  # fmt: skip

    def test_build_reads_only_what_a_delivery_holds(self) -> None:
        for delivery in self._deliveries():
            bare = Bare.of(delivery.event)
            plugin, seen = watched(self.destination), replace(delivery, event=bare)
            with suppress(Exception):  # it may well fail for that very reason
                plugin.build(seen)
                plugin.group(seen)
            told = [f"delivery.event.{name} (map {{{{{_PLACES[name]}}}}})" for name in sorted(bare.asked_for)]
            expect(not told, f"It reads what is empty in a delivery: {', '.join(told)}. Map a field, and read that from"
                             " delivery.fields.")  # fmt: skip

    def test_build_tells_the_time_of_no_place(self) -> None:
        """A moment without a zone is read as the machine's own, and leaves wrong from each that is not in London."""
        for delivery in self._deliveries():
            plugin, sent = watched(self.destination), list[str]()
            for zone in _FAR_APART:
                with suppress(Exception), standing(zone):  # told by the other tests
                    sent.append(text_of(plugin.build(delivery)))
            forget()
            expect(len({*sent}) < 2, "The request says another time on a machine in another zone: name the zone, as in"
                                     " datetime.fromtimestamp(seconds, UTC).")  # fmt: skip

    def test_something_of_what_build_is_handed_becomes_a_request(self) -> None:
        """What is asked for in vain, and caught, would reject every event there is. One that skips has its reasons."""
        if not self.destination.default_mapping:
            return
        plugin, built = watched(self.destination), None
        for delivery in [*self._deliveries(), *self._hostile_deliveries()]:
            with suppress(Exception):  # told by the other tests
                built = plugin.build(delivery)
            if not isinstance(built, Rejected):
                return
        forget()
        expect(False, f"build rejects all that it is handed, every sample too, in the end as {built!r}: it would send"
                      " nothing, ever.")  # fmt: skip

    def test_what_is_logged_or_printed_names_nobody(self) -> None:
        log, plugin = Log(), watched(self.destination)
        with log.listening(), suppress(Exception):  # told by the other tests
            for delivery in self._deliveries():
                plugin.build(delivery)
        forget()
        shown = [value for value in PERSONAL if any(value in line for line in log.lines)]
        expect(not shown, f"build logs or prints what names a person, as {shown}. What is printed stands in the log"
                          " unmasked: leave it out, or name delivery.id.")  # fmt: skip

    def test_what_gives_access_is_a_secret(self) -> None:
        plain = {one.name for one in describe_settings(self.destination) if one.kind in {"text", "number"}}
        for name in sorted(plain):
            named = _CREDENTIAL.search(name.lower()) is not None
            expect(not named, f"The setting {name} is shown to everybody, by its field: make it a Secret.")
        values = {str(value): name for name, value in self._loaded().items() if name in plain and value}
        for delivery in self._deliveries():
            built = watched(self.destination).build(delivery)
            for header, value in _giving_access(built) if isinstance(built, Request) else ():
                shown = values.get(value)
                expect(shown is None, f"The setting {shown} goes into {header}, and is shown to everybody by its field:"
                                      " make it a Secret.")  # fmt: skip


class Bare(Event):
    """An event as a delivery has it, that notes what it is asked for in vain."""

    asked_for: set[str]

    @classmethod
    def of(cls, event: Event) -> "Bare":
        made = object.__new__(cls)
        vars(made).update(vars(event), asked_for=set())
        return made

    def __getattribute__(self, name: str) -> Any:
        if name in _EMPTY:
            object.__getattribute__(self, "asked_for").add(name)
        return object.__getattribute__(self, name)

    __repr__ = object.__repr__


def _meant(name: str, known: list[str], own: set[str]) -> str | None:
    """The declaration that ``name`` was to be, if so. A plural is a table or a helper of the author's."""
    for near in difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
        alike = difflib.SequenceMatcher(None, name, near).ratio()
        if not name.startswith("_") and name != f"{near}s" and (near not in own or alike >= _ALMOST_THE_SAME):
            return near
    return None


def _giving_access(request: Request) -> Iterator[tuple[str, str]]:
    """What of a request gives access: the header, and its value."""
    if isinstance(request.auth, tuple):
        yield "the password of auth", str(request.auth[1])
    for name, value in prepared(request).headers.items():
        scheme, _, rest = str(value).partition(" ")
        if scheme.lower() == "basic" and rest:
            yield f"the header {name}", _password(rest)
        elif name.lower() in {"authorization", "proxy-authorization"} or _CREDENTIAL.search(
            name.lower().replace("-", "_")
        ):
            yield f"the header {name}", rest or scheme


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""
