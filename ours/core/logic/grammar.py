"""Reads logic as it is written, ``{"AND": [{"condition": {…}}, …]}``, into something that answers for an event."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ours.core.logic.operators import OF_UNDEFINED, OPERATORS, Answer, Test, ValueInvalid
from ours.core.paths import UNDEFINED, Context, Path, PathError, parse
from ours.errors import Invalid

MOST_LEVELS = 20
MOST_CONDITIONS = 200
LONGEST_VALUE = 10_000


class LogicInvalid(Invalid):
    """Logic can't be read. ``errors`` maps the place of each fault, such as ``AND.1``, to what is wrong there."""

    code = "logic_invalid"


@dataclass(frozen=True, slots=True)
class Condition:
    """One question: what a path leads to, an operator, and a value to compare with."""

    path: Path
    operator: str
    value: str
    test: Test

    def answer(self, context: Context) -> Answer:
        found = self.path.find(context)
        if found is UNDEFINED and self.operator not in OF_UNDEFINED:
            return None
        return self.test(found)

    def conditions(self) -> Iterator["Condition"]:
        yield self


@dataclass(frozen=True, slots=True)
class Group:
    """AND is answered by the first that does not hold, OR by the first that does; NOT turns its one answer round."""

    kind: Literal["AND", "OR", "NOT"]
    parts: tuple["Condition | Group", ...]

    def answer(self, context: Context) -> Answer:
        if self.kind == "NOT":
            answer = self.parts[0].answer(context)
            return None if answer is None else not answer
        decisive, unsure = self.kind == "OR", False
        for part in self.parts:
            answer = part.answer(context)
            if answer is decisive:
                return decisive
            unsure = unsure or answer is None
        return None if unsure else not decisive

    def conditions(self) -> Iterator[Condition]:
        for part in self.parts:
            yield from part.conditions()


@dataclass(frozen=True, slots=True)
class Logic:
    """Logic that was read. ``fires`` never raises, whatever an event holds."""

    root: Condition | Group

    def fires(self, context: Context) -> bool:
        return self.root.answer(context) is True

    def conditions(self) -> list[Condition]:
        return list(self.root.conditions())


def read(written: Any) -> Logic:
    """:raises LogicInvalid: naming every fault and its place."""
    errors: dict[str, list[str]] = {}
    root = _node(written, "", MOST_LEVELS, errors)
    if root is not None and len(list(root.conditions())) > MOST_CONDITIONS:
        errors[""] = [f"There are more than {MOST_CONDITIONS} conditions."]
    if errors or root is None:
        said = " ".join(f"{place}: {' '.join(told)}" if place else " ".join(told) for place, told in errors.items())
        raise LogicInvalid(f"The conditions can't be read. {said}", errors)
    return Logic(root)


def _node(written: Any, place: str, levels: int, errors: dict[str, list[str]]) -> Condition | Group | None:
    if levels == 0:
        errors[place] = [f"Nothing may lie deeper than {MOST_LEVELS} levels."]
        return None
    if isinstance(written, Mapping) and len(written) == 1:
        ((kind, inner),) = written.items()
        if kind == "condition":
            return _condition(inner, place, errors)
        if kind == "NOT":
            part = _node(inner, _under(place, kind), levels - 1, errors)
            return Group(kind, (part,)) if part else None
        if kind in ("AND", "OR"):
            return _group(kind, inner, place, levels, errors)
    errors[place] = ['Write one of {"condition": …}, {"AND": […]}, {"OR": […]} and {"NOT": …}.']
    return None


def _group(
    kind: Literal["AND", "OR"], inner: Any, place: str, levels: int, errors: dict[str, list[str]]
) -> Group | None:
    if not isinstance(inner, Sequence) or isinstance(inner, str) or not inner or len(inner) > MOST_CONDITIONS:
        errors[_under(place, kind)] = [f"{kind} takes a list of 1 to {MOST_CONDITIONS} parts."]
        return None
    parts = [_node(part, f"{_under(place, kind)}.{number}", levels - 1, errors) for number, part in enumerate(inner)]
    return Group(kind, tuple(part for part in parts if part))


def _condition(written: Any, place: str, errors: dict[str, list[str]]) -> Condition | None:
    try:
        return _read_condition(written)
    except (PathError, ValueInvalid) as error:
        errors[place] = [str(error)]
        return None


def _read_condition(written: Any) -> Condition:
    given = written if isinstance(written, Mapping) else {}
    path, name, value = given.get("property"), given.get("operator"), given.get("value", "")
    if not isinstance(path, str) or set(given) - {"property", "operator", "value"}:
        raise ValueInvalid("A condition has a property, an operator and a value, and nothing else.")
    if "{" in path:
        raise ValueInvalid(f"Write the property without braces: {path.strip('{} ')}.")
    operator = OPERATORS.get(name) if isinstance(name, str) else None
    if operator is None:
        raise ValueInvalid(f"There is no operator “{name}”. There are: {', '.join(OPERATORS)}.")
    if isinstance(value, bool | int | float):
        value = str(value).lower()
    if value is None or operator.unary:
        value = ""
    if not isinstance(value, str) or len(value) > LONGEST_VALUE:
        raise ValueInvalid(f"A value is a text of at most {LONGEST_VALUE} characters.")
    if value.strip().startswith("{{"):
        raise ValueInvalid("A value is compared as it is written: a path can't stand there.")
    return Condition(parse(path.strip().removeprefix("$")), operator.name, value, operator.prepare(value))


def _under(place: str, kind: str) -> str:
    return f"{place}.{kind}" if place else kind
