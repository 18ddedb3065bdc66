"""Reads logic as it is written, ``{"AND": [{"condition": {…}}, …]}``, into something that answers for an event."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ours.core.logic.operators import OF_UNDEFINED, OPERATORS, Answer, Test, ValueInvalid
from ours.core.paths import UNDEFINED, Context, Path, PathError, parse
from ours.errors import Invalid, in_words

MOST_LEVELS = 20
MOST_CONDITIONS = 200
LONGEST_VALUE = 10_000


class LogicInvalid(Invalid):
    """Logic can't be read. ``errors`` maps the place of each fault, such as ``AND.1``, to what is wrong there."""

    code = "logic_invalid"


Ask = Callable[[Context], Answer]


@dataclass(frozen=True, slots=True)
class Condition:
    """One question: what a path leads to, an operator, and a value to compare with."""

    path: Path
    operator: str
    value: str
    ask: Ask = field(compare=False, repr=False)

    def conditions(self) -> Iterator["Condition"]:
        yield self


@dataclass(frozen=True, slots=True)
class Group:
    """AND is answered by the first that does not hold, OR by the first that does; NOT turns its one answer round."""

    kind: Literal["AND", "OR", "NOT"]
    parts: tuple["Condition | Group", ...]
    ask: Ask = field(compare=False, repr=False)

    def conditions(self) -> Iterator[Condition]:
        for part in self.parts:
            yield from part.conditions()


@dataclass(frozen=True, slots=True)
class Logic:
    """Logic that was read. ``fires`` never raises, whatever an event holds."""

    root: Condition | Group

    def fires(self, context: Context) -> bool:
        return self.root.ask(context) is True

    def conditions(self) -> list[Condition]:
        return list(self.root.conditions())


def _asking(path: Path, test: Test) -> Ask:
    """Where a path leads nowhere, nobody can say."""
    find = path.find

    def ask(context: Context) -> Answer:
        found = find(context)
        return None if found is UNDEFINED else test(found)

    return ask


def _asking_anyhow(path: Path, test: Test) -> Ask:
    return lambda context: test(path.find(context))


def _grouped(kind: Literal["AND", "OR", "NOT"], parts: Sequence[Condition | Group]) -> Group:
    asks = [part.ask for part in parts]
    return Group(kind, tuple(parts), _inverse(asks[0]) if kind == "NOT" else _decided(asks, kind == "OR"))


def _inverse(one: Ask) -> Ask:
    def ask(context: Context) -> Answer:
        answer = one(context)
        return None if answer is None else not answer

    return ask


def _decided(asks: Sequence[Ask], decisive: bool) -> Ask:
    """By the first that answers so; else it is the other answer, if nobody was unsure."""

    def ask(context: Context) -> Answer:
        answer: Answer = not decisive
        for one in asks:
            said = one(context)
            if said is decisive:
                return decisive
            if said is None:
                answer = None
        return answer

    return ask


def read(written: Any) -> Logic:
    """:raises LogicInvalid: naming every fault and its place."""
    errors: dict[str, list[str]] = {}
    root = _node(written, "", MOST_LEVELS, errors)
    if root is not None and len(list(root.conditions())) > MOST_CONDITIONS:
        errors[""] = [f"There are more than {MOST_CONDITIONS} conditions."]
    if errors or root is None:
        raise LogicInvalid(f"The conditions can't be read. {in_words(errors)}", errors)
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
            return _grouped(kind, [part]) if part else None
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
    return _grouped(kind, [part for part in parts if part])


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
        raise ValueInvalid("A condition has a property, an operator and a value, and no other fields.")
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
        raise ValueInvalid("A value is compared literally, so it can't be a path.")
    found, asking = parse(path.strip().removeprefix("$")), _asking_anyhow if operator.name in OF_UNDEFINED else _asking
    return Condition(found, operator.name, value, asking(found, operator.prepare(value)))


def _under(place: str, kind: str) -> str:
    return f"{place}.{kind}" if place else kind
