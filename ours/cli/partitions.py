"""``ours db partition``, and what ``ours doctor`` says of the days."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from ours import clock
from ours.bootstrap import Ours
from ours.cli.finding import Finding
from ours.cli.shell import Shell
from ours.services.partitions import AHEAD, FEW, State

_MB = 1024 * 1024
_LEAST_AHEAD = 3
_MEND = "ours db partition"


def run(shell: Shell, *, only_plan: bool, yes: bool) -> None:
    """Show the plan, ask, and do it.

    :raises Invalid: on SQLite, or when something that is not ours hangs on a table.
    :raises Busy: when others hold a table for long.
    """
    service = shell.ours.partitions
    service.check()
    states = service.states()
    if not shell.as_json:
        click.echo("\n".join(_line(one, clock.iso(service.divides_until())) for one in states))
    todo = any(_is_due(one) for one in states)
    agreed = not only_plan and todo and (yes or (shell.can_ask and click.confirm("Divide?", err=True)))
    if agreed:
        divided = service.divide()
        shell.say(f"Divided: {', '.join(divided)}." if divided else "All rows lie in their days.")
        states = service.states()
    if shell.as_json:
        shell.show({"tables": _documents(states), "due": todo, "applied": agreed})
    if todo and not agreed and not only_plan:
        shell.say("Nothing was changed. Say --yes to do it without being asked.", warn=True)
        click.get_current_context().exit(1)


def check(ours: Ours) -> Iterator[Finding]:
    """Where tables are divided, days to come have their partition, and nothing lies outside of its day."""
    states = ours.partitions.states()
    divided = any(one.is_divided for one in states)
    yield from list(_findings(states)) or ([Finding("partitions", "ok", "All days have theirs.")] if divided else [])


def _findings(states: Sequence[State]) -> Iterator[Finding]:
    for one in states:
        ahead = one.days_ahead(clock.now_ms())
        if one.is_half_done:
            yield Finding(
                "partitions", "warn", f"Dividing {one.table} is under way, or was broken off.",
                f"If nobody is at it: {_MEND}. A scheduler takes it back by itself.",
            )  # fmt: skip
        elif one.is_divided and ahead < _LEAST_AHEAD:
            yield Finding(
                "partitions", "warn", f"{one.table} has partitions for {ahead} days to come; it should be {AHEAD}.",
                f"Check that a scheduler runs, or {_MEND}.",
            )  # fmt: skip
        if one.strays:
            yield Finding(
                "partitions", "warn", f"{_strays(one)} rows of {one.table} lie outside of their days.",
                f"{_MEND}, in a quiet hour: others may wait while they are moved.",
            )  # fmt: skip


def _is_due(one: State) -> bool:
    return not one.is_divided or bool(one.strays) or one.days_ahead(clock.now_ms()) < AHEAD


def _line(one: State, until: str | None) -> str:
    size = f"{one.table}: about {one.rows} rows, {one.bytes // _MB} MB"
    if not one.is_divided:
        return f"~ {size}; becomes {one.table}_past, which ends {until}, and then one partition a day"
    strays = f", {_strays(one)} rows outside of their days" if one.strays else ""
    mark = "~" if _is_due(one) else " "
    return f"{mark} {size}; {len(one.parts)} partitions, {one.days_ahead(clock.now_ms())} days ahead{strays}"


def _strays(one: State) -> str:
    return str(one.strays) if one.strays <= FEW else f"more than {FEW}"


def _documents(states: Sequence[State]) -> list[dict[str, Any]]:
    now = clock.now_ms()
    return [
        {
            "table": one.table,
            "rows": one.rows,
            "bytes": one.bytes,
            "divided": one.is_divided,
            "partitions": [
                {"name": part.name, "from": clock.iso(part.start or None), "to": clock.iso(part.end)}
                for part in one.parts
            ],
            "daysAhead": one.days_ahead(now),
            "strays": one.strays,
        }
        for one in states
    ]
