"""What the address of Recent Events, or its form, asks for: read once, and written back into its links and its form."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request

from ours.core.redact import mask_value
from ours.errors import Invalid
from ours.ids import is_id
from ours.services.overview import Filters, Sieve
from ours.services.overview.views import STATES
from ours.web.show.door import may
from ours.web.show.typed import MEANT, read_moment, read_number, sorted_out

_NAMES = ("id", "name", "source", "mode", "visitor", "from", "to", "destination", "state", "property", "url")
RARE = frozenset({"from", "to", "destination", "state", "property", "url"})
_MEANT = {**MEANT, "state": STATES.__contains__}
_LONGEST = 400
_MOST_VISITORS = 10
MOST_EVENTS = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """``given`` is what the address says, by name, for links and forms; ``filters`` what it means; ``unmeant`` what
    stands there too and means nothing."""

    given: Mapping[str, str]
    unmeant: Mapping[str, str]
    filters: Filters

    @property
    def rare(self) -> bool:
        """Whether any of the filters is used that the form keeps folded away."""
        return not RARE.isdisjoint(self.given)

    @property
    def said(self) -> dict[str, str]:
        """All of it, for the address of a page that says what of it means nothing."""
        return {**self.unmeant, **self.given}


def asked() -> Asked:
    """:raises Invalid: for what names a person, be it in a property or a URL: histories and logs keep an address."""
    said = request.values
    texts = {name: value[:_LONGEST] for name in _NAMES if (value := said.get(name, "").strip())}
    given, unmeant = sorted_out(texts, _MEANT)
    visitors = _ids(given, unmeant, "visitor", _MOST_VISITORS)
    events = _ids(given, unmeant, "id", MOST_EVENTS)
    return Asked(
        given,
        unmeant,
        Filters(
            ids=events,
            name=given.get("name"),
            source_id=read_number(given.get("source")),
            mode=given.get("mode"),
            visitors=visitors,
            since=read_moment(given.get("from")),
            until=read_moment(given.get("to")),
            sieve=_sieve(given, read_number(given.get("destination"))),
        ),
    )


def _ids(given: dict[str, str], unmeant: dict[str, str], name: str, most: int) -> tuple[str, ...]:
    """What is no id among them, or one too many, is left out, of ``given`` too. "?" says so: it may name a person."""
    said = [one.strip() for one in given.pop(name, "").split(",")]
    found = tuple(one for one in said if is_id(one))[:most]
    if found:
        given[name] = ",".join(found)
    if any(one not in found for one in said if one):
        unmeant[name] = "?"
    return found


def _sieve(given: Mapping[str, str], destination_id: int | None) -> Sieve | None:
    path, equals, value = (part.strip() for part in given.get("property", "").partition("="))
    url = given.get("url", "")
    texts = (
        (path, value),
        ("property", path),
        ("url", url.replace("=", " ")),
    )  # of a field in a URL, the name may be said
    for name, asked_for in texts:
        if name and mask_value(name, asked_for) != asked_for:
            raise Invalid(
                f"“{name}” identifies a person, so it must not appear in an address."
                " Search for the person under “Visitor or id” instead."
            )
    clear = may("editor")
    sieve = Sieve(destination_id, given.get("state"), path or None, value if equals else None, url or None, clear)
    return None if sieve == Sieve(clear=clear) else sieve
