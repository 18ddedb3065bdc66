"""The 31 operators: what each asks of a value. The answer None says that nobody can tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import re2

from ours.core.logic import values
from ours.core.paths import UNDEFINED

Answer = bool | None
Test = Callable[[Any], Answer]
LONGEST_PATTERN = 1_000
_NO_PATTERN = "This is no pattern that can be read (RE2 syntax: no look-around, no back-references)."


class ValueInvalid(ValueError):
    """The value of a condition makes no sense to its operator; its text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Operator:
    """``prepare`` reads a condition's value once and gives the test. ``unary``: the value is ignored.

    :raises ValueInvalid: from ``prepare``, when nothing could ever hold.
    """

    name: str
    asks: str
    prepare: Callable[[str], Test]
    unary: bool = False


def _is(value: str) -> Test:
    wanted = value.casefold()
    return _of_any(lambda text: text == wanted)


def _contains(value: str) -> Test:
    wanted = value.casefold()

    def test(found: Any) -> Answer:
        if isinstance(found, list):
            return any(values.text(entry) == wanted for entry in found)
        text = values.text(found)
        return text is not None and wanted in text

    return test


def _starts(value: str) -> Test:
    wanted = value.casefold()
    return _of_any(lambda text: text.startswith(wanted))


def _ends(value: str) -> Test:
    wanted = value.casefold()
    return _of_any(lambda text: text.endswith(wanted))


def _is_in(value: str) -> Test:
    wanted = {entry.casefold() for entry in values.many(value)}
    if not wanted:
        raise ValueInvalid("List at least one value, with commas between: red, green.")
    return _of_any(lambda text: text in wanted)


def _found_in(value: str) -> Test:
    whole = value.casefold()
    return _of_any(lambda text: text in whole)


def _matches(value: str, *, fold: bool) -> Test:
    if len(value) > LONGEST_PATTERN:
        raise ValueInvalid(f"A pattern has at most {LONGEST_PATTERN} characters.")
    options = re2.Options()
    options.log_errors, options.case_sensitive = False, not fold
    try:
        pattern = re2.compile(value, options)
    except (re2.error, UnicodeError):
        raise ValueInvalid(_NO_PATTERN) from None
    return _of_any(lambda text: pattern.search(text) is not None, fold=False)


def _of_any(holds: Callable[[str], bool], *, fold: bool = True) -> Test:
    """A test of text. Of a list it holds when it holds for one entry; null and objects are no text."""

    def test(found: Any) -> Answer:
        if isinstance(found, str):
            return holds(found.casefold() if fold else found)
        entries = found if isinstance(found, list) else (found,)
        texts = (entry if not fold and isinstance(entry, str) else values.text(entry) for entry in entries)
        return any(text is not None and holds(text) for text in texts)

    return test


def _compared(read: Callable[[Any], Any], complaint: str, compare: Callable[[Any, Any], bool]) -> Callable[[str], Test]:
    """A test of what ``read`` makes of both sides; where it makes nothing of the found one, nobody can say."""

    def prepare(value: str) -> Test:
        limit = read(value)
        if limit is None:
            raise ValueInvalid(complaint)

        def test(found: Any) -> Answer:
            given = read(found)
            return None if given is None else compare(given, limit)

        return test

    return prepare


_number = partial(_compared, values.number, "Give a number to compare with.")
_moment = partial(
    _compared, values.moments,
    "Give a date (2026-11-23), a moment (2026-11-23T10:00:00Z), or milliseconds since 1970.",
)  # fmt: skip


def _between(value: str) -> Test:
    ends = values.many(value)
    numbers = [values.number(end) for end in ends]
    days = [values.moments(end) for end in ends]
    if len(ends) != 2 or (None in numbers and None in days):
        raise ValueInvalid("Give two numbers or two dates with a comma between, the smaller first.")

    def test(found: Any) -> Answer:
        low, high, given = *numbers, values.number(found)
        if low is not None and high is not None and given is not None:
            return low <= given <= high
        first, last, moment = *days, values.moments(found)
        if first is None or last is None or moment is None:
            return None
        return first[0] <= moment[0] <= last[1]

    return test


def _plain(holds: Callable[[Any], bool]) -> Callable[[str], Test]:
    return lambda _value: holds


def _says(word: str) -> Callable[[str], Test]:
    return _plain(lambda found: values.text(found) == word)


def _not(prepare: Callable[[str], Test]) -> Callable[[str], Test]:
    def prepared(value: str) -> Test:
        test = prepare(value)

        def inverse(found: Any) -> Answer:
            answer = test(found)
            return None if answer is None else not answer

        return inverse

    return prepared


_PAIRS: tuple[tuple[str, str, str, str, Callable[[str], Test]], ...] = (
    ("Is", "is the value", "IsNot", "is not the value", _is),
    ("Contains", "contains the value; a list: has it as an entry", "DoesNotContain", "does not contain it", _contains),
    ("IsIn", "is one of the listed values", "IsNotIn", "is none of the listed values", _is_in),
    ("IsFoundIn", "appears somewhere in the value", "IsNotFoundIn", "appears nowhere in the value", _found_in),
    ("MatchesRegex", "matches the pattern anywhere", "DoesNotMatchRegex", "does not match the pattern anywhere",
     lambda value: _matches(value, fold=False)),
    ("MatchesRegexIgnoreCase", "matches, ignoring case",
     "DoesNotMatchRegexIgnoreCase", "does not match, ignoring case",
     lambda value: _matches(value, fold=True)),
    ("IsGreaterThan", "is a greater number", "IsLessThanOrEqual", "is a smaller number, or the same",
     _number(lambda given, limit: given > limit)),
    ("IsLessThan", "is a smaller number", "IsGreaterThanOrEqual", "is a greater number, or the same",
     _number(lambda given, limit: given < limit)),
    ("IsBefore", "is a time before it; for a day, before it begins", "IsOnOrAfter", "is that time, or after",
     _moment(lambda given, limit: given[0] < limit[0])),
    ("IsAfter", "is a time after it; for a day, after it has ended", "IsOnOrBefore", "is that time, or before",
     _moment(lambda given, limit: given[0] > limit[1])),
)  # fmt: skip
_UNARY_PAIRS: tuple[tuple[str, str, str, str, Callable[[Any], bool]], ...] = (
    ("IsFalsy", "is null, false, 0, or empty", "IsTruthy", "is anything but null, false, 0, or empty", values.is_empty),
    ("IsNull", "is null", "IsNotNull", "is there and not null", lambda found: found is None),
    ("IsUndefined", "is not there at all", "IsNotUndefined", "is there, even null", lambda found: found is UNDEFINED),
)


def _all() -> dict[str, Operator]:
    found = [
        Operator("StartsWith", "begins with the value", _starts),
        Operator("EndsWith", "ends with the value", _ends),
        Operator("IsBetween", "lies between two numbers or dates, or is one of them", _between),
        Operator("IsTrue", "is true, or the text true", _says("true"), unary=True),
        Operator("IsFalse", "is false, or the text false", _says("false"), unary=True),
    ]  # fmt: skip
    for name, asks, inverse, denies, prepare in _PAIRS:
        found += [Operator(name, asks, prepare), Operator(inverse, denies, _not(prepare))]
    for name, asks, inverse, denies, holds in _UNARY_PAIRS:
        found += [
            Operator(name, asks, _plain(holds), unary=True),
            Operator(inverse, denies, _not(_plain(holds)), unary=True),
        ]
    return {one.name: one for one in found}


_ORDER = """
    Is IsNot Contains DoesNotContain StartsWith EndsWith IsFalsy IsTruthy IsNull IsNotNull IsUndefined IsNotUndefined
    IsTrue IsFalse IsGreaterThan IsGreaterThanOrEqual IsLessThan IsLessThanOrEqual IsIn IsNotIn IsFoundIn IsNotFoundIn
    IsBefore IsAfter IsBetween IsOnOrBefore IsOnOrAfter MatchesRegex MatchesRegexIgnoreCase DoesNotMatchRegex
    DoesNotMatchRegexIgnoreCase
"""
OPERATORS: Mapping[str, Operator] = {name: _all()[name] for name in _ORDER.split()}
INVERSES: Mapping[str, str] = {pair[0]: pair[2] for pair in (*_PAIRS, *_UNARY_PAIRS)}
"""Each operator that has one, with the operator that denies it."""
OF_UNDEFINED = frozenset({"IsUndefined", "IsNotUndefined"})
"""Those that have an answer where a path leads nowhere."""


def table() -> str:
    """All operators as the Markdown table of ``docs/rules.md``."""
    lines = [f"| `{one.name}` | the property {one.asks} |" for one in OPERATORS.values()]
    return "\n".join(["| operator | holds when |", "|---|---|", *lines])
