"""Conditions as options: ``--when 'event.event Is Purchase'``, or a file for what is nested."""

from collections.abc import Sequence
from typing import Any

import click

from ours.cli.files import read_document
from ours.cli.shell import options
from ours.errors import Invalid

condition_options = options(
    click.option("--when", multiple=True, metavar="'PATH OPERATOR VALUE'",
                 help="A condition, such as 'visitor.consent.rejected_categories Contains advertising'."),
    click.option("--any", "any_", is_flag=True, help="One --when of several is enough; by default all must hold."),
    click.option("--logic", metavar="FILE", help="A JSON or YAML file with AND, OR and NOT; - for stdin."),
)  # fmt: skip


def read_logic(when: Sequence[str], logic: str | None, *, any_: bool) -> Any:
    """What was said; None when nothing was.

    :raises Invalid: when both kinds were given.
    """
    if when and logic:
        raise Invalid("Give either --when or --logic.")
    if logic:
        return read_document(logic)
    conditions = [_condition(text) for text in when]
    if len(conditions) > 1:
        return {"OR" if any_ else "AND": conditions}
    return conditions[0] if conditions else None


def _condition(text: str) -> dict[str, Any]:
    path, _, rest = text.strip().partition(" ")
    operator, _, value = rest.strip().partition(" ")
    return {"condition": {"property": path, "operator": operator, "value": value.strip()}}
