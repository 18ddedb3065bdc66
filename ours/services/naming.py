"""The names that people give to sources and destinations: clean, and no two alike."""

import unicodedata
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ours.core.unseen import first_unseen
from ours.errors import Invalid, NotFound

LONGEST = 200


class Named(NamedTuple):
    id: int
    name: str
    removed: bool = False

    @property
    def shown(self) -> str:
        """The name, and that it was removed, if so."""
        return f"{self.name} (removed)" if self.removed else self.name


def is_text(name: str) -> bool:
    """Whether it has neither control characters nor halves of characters: nothing a database or a screen chokes on."""
    return not any(unicodedata.category(mark) in {"Cc", "Cs"} for mark in name)


def clean(name: str, kept: Collection[str] = ()) -> str:
    """The name without surrounding space. ``kept``: names there are, of a time when others were good; they stay so.

    :raises Invalid: when it is empty, too long, or is no line of text.
    """
    trimmed = name.strip()
    if trimmed in kept:
        return trimmed
    if not 1 <= len(trimmed) <= LONGEST:
        raise Invalid.at("name", f"A name has 1 to {LONGEST} characters.")
    if not is_text(trimmed):
        raise Invalid.at("name", "A name is one line of text, without control characters.")
    if unseen := first_unseen(trimmed):
        raise Invalid.at(
            "name", f"A name has only what can be seen, so that none passes for another: take U+{ord(unseen):04X} out."
        )
    return trimmed


def check_free(name: str, taken: Iterable[Named], own_id: int | None = None) -> None:
    """:raises Invalid: when another one has a name already that looks like it, in whatever case."""
    for other in taken:
        if other.id != own_id and look(other.name) == look(name):
            raise Invalid.at("name", f'"{other.name}" exists already. Choose another name.')


def look(name: str) -> str:
    """What two names have in common that look alike: of them, there is one."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def find(name_or_id: str | int, among: Iterable[Named], what: str) -> int:
    """The id that ``name_or_id`` means; an id wins over a name that looks like one.

    :raises NotFound: saying what there is instead.
    """
    wanted = str(name_or_id).strip()
    known = list(among)
    for found in (
        [one.id for one in known if str(one.id) == wanted],
        [one.id for one in known if one.name.casefold() == wanted.casefold()],
    ):
        if found:
            return found[0]
    there = ", ".join(f'"{one.name}"' for one in known[:20] if not one.removed) or "none yet"
    raise NotFound(f'There is no {what} "{wanted}". There are: {there}.')
