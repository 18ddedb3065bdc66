"""Tables for a terminal. What callers sent is shown as text: it can neither colour nor steer the terminal."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

_STYLES = {
    "active": "green", "on": "green", "delivered": "green", "loaded": "green", "ok": "green", "live": "green",
    "paused": "yellow", "held": "yellow", "retrying": "yellow", "warn": "yellow", "test": "magenta", "sunk": "magenta",
    "deactivated": "dim", "off": "dim", "stopped": "dim", "deleted": "dim", "removed": "dim",
    "not installed": "dim",
    "rejected": "red", "exhausted": "red", "fail": "red", "set aside": "red",
}  # fmt: skip


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")
_PIPED_WIDTH = 200
_DIFFERENCE = {"path", "kind"}
_SIGNS = {"appears": "+", "vanishes": "-", "changes": "~"}


def print_table(columns: Iterable[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """One line a row; ``empty`` is what to say when there is none."""
    _print(_table(columns, rows) if rows else Text(empty))


def print_record(document: Mapping[str, Any]) -> None:
    """A document at length: its plain values as a list, then each list of records it holds."""
    _print(Group(*_parts(document)))


def _parts(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    facts = Table(Column(no_wrap=True), Column(overflow="fold"), box=None, pad_edge=False, show_header=False)
    lists = []
    for name, value in _flat(document):
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            lists.append((name, value))
        else:
            facts.add_row(Text(name, style="bold"), _cell(value))
    yield facts
    for name, records in lists:
        yield Text(f"\n{name}", style="bold")
        yield from _records(records)


def _records(records: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """As a table; those that hold more than plain values, one below the other."""
    if any(isinstance(value, Mapping) for one in records for value in one.values()):
        for one in records:
            yield from (Text(), *_parts(one))
    else:
        yield _table(records[0], [list(one.values()) for one in records])


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``{"live": {"received": 1}}`` → ``live.received``, ``1``."""
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _table(columns: Iterable[str], rows: Sequence[Sequence[object]]) -> Table:
    made = Table(*(Column(name, overflow="fold") for name in columns), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    return made


def _cell(value: object) -> Text:
    """One value. Characters that are no text become visible."""
    if value in (None, {}, []):
        return Text("–", style="dim")
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    elif isinstance(value, list) and all(isinstance(one, Mapping) and one.keys() >= _DIFFERENCE for one in value):
        value = "\n".join(_difference(one) for one in value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping | list) else str(value)
    shown = "".join(mark if mark.isprintable() or mark == "\n" else "·" for mark in text)
    moment = _MOMENT.fullmatch(shown)
    return Text(f"{moment[1]} {moment[2]}Z" if moment else shown, style=_STYLES.get(shown, ""))


def _difference(one: Mapping[str, Any]) -> str:
    """One field in which two requests differ, a line."""
    ends = (json.dumps(one[end], ensure_ascii=False) for end in ("before", "after") if end in one)
    return f"{_SIGNS[one['kind']]} {one['path']}: {' → '.join(ends)}"


def _print(what: RenderableType) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(what)
