"""Moments and lengths of time as people type them."""

import re
from datetime import UTC, datetime
from typing import Any

import click

from ours.clock import DAY, HOUR, MINUTE, SECOND, now_ms

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SPAN = re.compile(r"(\d{1,9})([smhd])")


class Moment(click.ParamType[int]):
    """``2026-08-11T01:15:00Z`` (UTC where no zone is said), or how long ago: ``90m``, ``24h``, ``7d``."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        age = _milliseconds(str(value))
        if age is not None:
            return now_ms() - age
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f'"{value}" is no moment. Write 2026-08-11T01:15:00Z, or how long ago: 90m, 24h, 7d.', param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


class Seconds(click.ParamType[int]):
    """``90m``, ``24h``, ``7d``, or a number of seconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        length = _milliseconds(f"{text}s" if text.isdecimal() else text)
        if length is None:
            self.fail(f'"{value}" is no length of time. Write 90m, 24h, 7d, or seconds.', param, ctx)
        return length // SECOND


def _milliseconds(text: str) -> int | None:
    found = _SPAN.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None
