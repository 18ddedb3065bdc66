"""``key=value`` on the command line."""

from collections.abc import Iterable
from typing import Any

import click


class Pair(click.ParamType[tuple[str, str]]):
    """``key=value``; the value may be empty and may hold further equals signs."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f'"{value}" is no key=value.', param, ctx)
        return key, text


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """``headers.X-Team=abc`` → ``{"headers": {"X-Team": "abc"}}``."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        outer, dot, inner = key.partition(".")
        if dot:
            made.setdefault(outer, {})[inner] = value
        else:
            made[outer] = value
    return made
