"""What a class must be to be admitted as a destination. The registry and the conformance kit ask the same questions."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, get_args

from marshmallow import Schema, fields

from ours.plugin.batching import Batching
from ours.plugin.destination import Category, Destination, Identify
from ours.plugin.inputs import Headers, Secret
from ours.plugin.mapped import Mapped

if sys.version_info >= (3, 14):  # a name that is imported for type checkers alone is no fault there
    from annotationlib import Format

    _signature = partial(inspect.signature, annotation_format=Format.FORWARDREF)
else:
    _signature = inspect.signature

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_VARIABLE = re.compile(r"\{\{[^{}]*[^{}\s][^{}]*\}\}")
_CATEGORIES, _IDENTIFY = get_args(Category), get_args(Identify)
VERBS: Mapping[str, tuple[str, ...]] = {
    name: tuple(_signature(verb).parameters)[1:] for name, verb in vars(Destination).items() if inspect.isfunction(verb)
}
"""What Ours calls of a destination, and with what."""


def faults(kind: object) -> list[str]:
    """All that is wrong with what a plugin announced, in sentences that say how to mend it; empty when nothing is."""
    if isinstance(kind, Destination):
        return [f"It announced an instance of {type(kind).__name__}: announce the class itself."]
    if not (isinstance(kind, type) and issubclass(kind, Destination)):
        return [f"It announced {kind!r}, which is not a subclass of Destination."]
    rules = _RULES | (_BUILDS if getattr(kind, "batching", None) is None else _BATCHES)
    wrong = [sentence for name, (fits, sentence) in rules.items() if not fits(getattr(kind, name, None))]
    return [*wrong, *_rows_wrong(kind.default_mapping), *_verbs_wrong(kind), *_secrets_wrong(kind.Settings)]


def own_verbs(kind: type[Destination]) -> list[str]:
    """Those that the class writes itself."""
    known = {name: value for one in reversed(kind.__mro__) for name, value in vars(one).items() if name in VERBS}
    return [verb for verb in VERBS if known[verb] is not vars(Destination)[verb]]


def _verbs_wrong(kind: type[Destination]) -> Iterator[str]:
    for verb in own_verbs(kind):
        call, wants = getattr(object.__new__(kind), verb), ", ".join(VERBS[verb])
        line = f"write def {verb}(self{wants and ', '}{wants})"
        if not callable(call):
            yield f"Its {verb} is no method: {line}."
        elif inspect.iscoroutinefunction(call) or inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
            yield f"Its {verb} is async or yields: {line}, and return what it comes to."
        elif not _takes(call, VERBS[verb]):
            yield f"Its {verb} does not take what Ours calls it with: {line}."


def _secrets_wrong(settings: object) -> Iterator[str]:
    """What is kept where it is left blank, and typed again where an address changes, is a setting as a whole."""
    known = settings().load_fields if isinstance(settings, type) and issubclass(settings, Schema) else {}
    for name, field in known.items():
        if not isinstance(field, Secret | Headers) and _holds_a_secret(field, ()):
            yield f"Its setting {name} holds a Secret inside: make each Secret a setting of its own."


def _holds_a_secret(field: object, around: tuple[type[Schema], ...]) -> bool:
    """``around``: the schemas that it is in, for one may hold itself."""
    inside: list[object]
    match field:
        case Secret():
            return True
        case fields.List():
            inside = [field.inner]
        case fields.Mapping():
            inside = [field.value_field, field.key_field]
        case fields.Tuple():
            inside = list(field.tuple_fields)
        case fields.Nested() if type(field.schema) not in around:
            inside, around = list(field.schema.fields.values()), (*around, type(field.schema))
        case _:
            return False
    return any(_holds_a_secret(one, around) for one in inside)


def _takes(call: Callable[..., Any], words: tuple[str, ...]) -> bool:
    try:
        _signature(call).bind(*words)
    except TypeError:
        return False
    except ValueError:  # it is written in C and does not say
        pass
    return True


def _rows_wrong(mapping: object) -> Iterator[str]:
    if not isinstance(mapping, Mapping):
        return
    for name, row in mapping.items():
        template = row.template if isinstance(row, Mapped) else row
        if not isinstance(template, str):
            yield f"Its default_mapping has no template for {name!r}: {template!r} is no text and no Mapped."
        elif not _has_whole_braces(template):
            yield f'Its default_mapping has braces that do not match in {name!r}: "{template}". Write {{{{path}}}}.'


def _text(most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and 0 < len(value.strip()) <= most


def _is_slug(value: object) -> bool:
    return isinstance(value, str) and _SLUG.fullmatch(value) is not None


def _is_schema(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Schema)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(_text(200)(name) for name in value)


def _are_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(_text(200)(one) for one in value)


def _has_whole_braces(template: str) -> bool:
    rest = _VARIABLE.sub("", template)
    return "{{" not in rest and "}}" not in rest


def _own(name: str) -> Callable[[object], bool]:
    return lambda value: callable(value) and value is not getattr(Destination, name)


def _is_batching(value: object) -> bool:
    if not isinstance(value, Batching):
        return False
    return value.max_items >= 1 and value.max_bytes >= 1 and 0 <= value.linger <= 60


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "slug": (
        _is_slug,
        "Its slug must be at most 100 lower-case letters, digits, - and _, the first a letter or digit.",
    ),
    "label": (_text(100), 'It needs a label, the name that people see: label = "My system".'),
    "summary": (
        lambda value: isinstance(value, str) and len(value) <= 300,
        "Its summary must be a text of at most 300 characters.",
    ),
    "category": (lambda value: value in _CATEGORIES, f"Its category must be one of {', '.join(_CATEGORIES)}."),
    "identify": (lambda value: value in _IDENTIFY, f"Its identify must be one of {', '.join(_IDENTIFY)}."),
    "version": (_text(40), 'Its version must be a text of at most 40 characters: version = "1".'),
    "max_age": (
        lambda value: value is None or (isinstance(value, int | float) and value > 0),
        "Its max_age must be a number of seconds, or None.",
    ),
    "ordered": (lambda value: isinstance(value, bool), "Its ordered must be True or False."),
    "dedupes": (lambda value: isinstance(value, bool), "Its dedupes must be True or False."),
    "hashed": (_are_texts, 'Its hashed must list names of fields: hashed = ("email",).'),
    "needs": (_are_texts, 'Its needs must list names of modules: needs = ("boto3",).'),
    "agreement": (lambda value: isinstance(value, str), "Its agreement must be a text."),
    "default_mapping": (
        _is_mapping,
        'Its default_mapping must map field names to templates: {"text": "{{event.event}}"}.',
    ),
    "Settings": (_is_schema, "Its Settings must be a marshmallow schema: class Settings(Schema)."),
}
_BUILDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "build": (_own("build"), "It has no build: write build(self, delivery) and return a Request."),
}
_BATCHES: dict[str, tuple[Callable[[object], bool], str]] = {
    "batching": (
        _is_batching,
        "Its batching must be a Batching with at least one item, one byte and a linger from 0 to 60 seconds.",
    ),
    "item": (_own("item"), "It has no item: write item(self, delivery) and return its part of the request."),
    "pack": (_own("pack"), "It has no pack: write pack(self, items, settings) and return a Request."),
    "build": (
        lambda value: value is Destination.build,
        "It batches, so its build follows from item and pack: write no build of its own.",
    ),
}
