"""Masks what names, places or finds a person, for screens.

Masked: names of people, emails, phone numbers, birth, gender, addresses, cities, places on a map, ip addresses, numbers
of documents, cards, accounts and medical records, passwords, tokens, keys and cookies, by the names of their properties
(``sense``) and of the fields in an address's query; emails and phone numbers inside any text; and what is known of the
person, whatever it is called. Shown: state and country, company and job, campaign and click ids, the user agent, the
caller's own ids, names of products and the like, and plain yes and no: reviewers need them, and alone they name nobody.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ours.core.redact.naming import Sense, sense
from ours.core.redact.texts import (
    HIDDEN,
    Known,
    initial,
    is_email,
    mask_email,
    mask_text,
    parts_of_name,
    parts_of_number,
    words,
)

_SHORTEST = 4


class Person:
    """Masks one person: what ``bags`` hold of them by names that say so is masked under any other name too."""

    def __init__(self, *bags: Mapping[str, Any]) -> None:
        self.values = frozenset(text for bag in bags for _, _, text in _personal("", bag))
        self._known = Known(
            phrase for bag in bags for _, kind, text in _personal("", bag) for phrase in _phrases(kind, text)
        )

    def bag(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {self.text(name): self.value(name, value) for name, value in values.items()}

    def value(self, name: str, value: Any) -> Any:
        """A property's value as a screen may show it, of the same shape. Under a personal name all is masked."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(f"{name}.{key}", inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(name, inner) for inner in value]
        if value is None or value == "" or isinstance(value, bool):
            return value
        if kind := sense(name):
            return _hidden(kind, str(value).strip())
        if isinstance(value, str):
            return self.text(value)
        return HIDDEN if str(value) in self._known else value

    def text(self, text: str) -> str:
        """A text without what in it is personal. JSON is masked by its names, an address by those of its query."""
        if text[:1] in {"{", "["} and (told := self._json(text)) is not None:
            return told
        return mask_text(text, self._known, _judge)

    def _json(self, text: str) -> str | None:
        try:
            held = json.loads(text)
            shown = self.value("", held)
        except ValueError:
            return None
        except RecursionError:
            return HIDDEN
        return text if shown == held else json.dumps(shown, ensure_ascii=False)


def told_of(bag: Mapping[str, Any]) -> dict[str, list[str]]:
    """The part of a bag by which ``Person`` knows them, to be kept for when the bag says something else."""
    found: dict[str, list[str]] = {}
    for name, _, text in _personal("", bag):
        found.setdefault(name.removeprefix("."), []).append(text)
    return found


def _personal(name: str, value: Any) -> Iterator[tuple[str, Sense, str]]:
    """Every text under a personal name, and every email: its name, what it is, and itself."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _personal(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _personal(name, inner)
    elif value is not None and not isinstance(value, bool) and (text := str(value).strip()):
        kind = sense(name) or ("other" if is_email(text) else None)
        if kind:
            yield name, kind, text


def mask_value(name: str, value: Any) -> Any:
    """``Person.value`` of somebody of whom nothing is known."""
    return _ANYBODY.value(name, value)


def _hidden(kind: Sense, text: str) -> str:
    if is_email(text):
        return mask_email(text)
    return initial(text) if kind == "name" else HIDDEN


def _judge(name: str, value: str) -> str:
    kind = sense(name)
    return _hidden(kind, value) if kind else value


def _phrases(kind: Sense, text: str) -> Iterator[tuple[str, ...]]:
    if kind == "name":
        yield from parts_of_name(text)
    elif sum(map(len, said := words(text))) >= _SHORTEST:
        yield said
        yield from parts_of_number(text)


_ANYBODY = Person()
