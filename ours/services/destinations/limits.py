"""How fast a destination may be delivered to, and how often a failure is tried again: what a person may set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from marshmallow import Schema, ValidationError, fields, validate

from ours.core import mistakes
from ours.core.retry import SCHEDULE
from ours.errors import Invalid, in_words

IN_FLIGHT = 64
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for a destination, defaults filled in. Rates are a second; None: no limit.

    ``capped``: somebody set ``max_in_flight``, so it holds for all workers together. The default is each worker's own.
    """

    max_in_flight: int = IN_FLIGHT
    rate_limit: float | None = None
    retry_schedule: tuple[float, ...] = SCHEDULE
    drain_rate: float | None = None
    capped: bool = False


_WHOLE = "Give a whole number from 1 to 1000."


class _Whole(fields.Integer):
    """1.5 is none, and not 1."""

    def _validated(self, value: object) -> int:
        if isinstance(value, float) and not value.is_integer():
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class _Given(Schema):
    max_in_flight = _Whole(
        allow_none=True,
        validate=validate.Range(1, 1000, error=_WHOLE),
        error_messages={"invalid": _WHOLE},
    )
    rate_limit = fields.Float(
        allow_none=True, validate=validate.Range(0.01, 10_000, error="Give a number of tries a second, 0.01 to 10000.")
    )
    retry_schedule = fields.List(
        fields.Float(validate=validate.Range(1, _DAY, error="Each wait has 1 to 86400 seconds.")),
        allow_none=True,
        validate=validate.Length(1, 20, error="Give 1 to 20 waits."),
    )
    drain_rate = fields.Float(
        allow_none=True,
        validate=validate.Range(0.01, 10_000, error="Give a number of dispatches a second, 0.01 to 10000."),
    )


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given → the columns of the destination's row. None goes back to the default.

    :raises Invalid: with the sentences for each under ``limits.NAME``.
    """
    try:
        values: dict[str, Any] = _Given().load(given)
    except ValidationError as error:
        told = mistakes.plain(error.messages_dict, dict.fromkeys(_Given().fields, ""))
        errors = {f"limits.{name}": sentences for name, sentences in told.items()}
        raise Invalid(f"These limits can't be set: {in_words(errors)}", errors) from None
    if schedule := values.get("retry_schedule"):
        values["retry_schedule"] = orjson.dumps(schedule).decode()
    return values


def of_row(row: Any) -> Limits:
    return Limits(
        max_in_flight=row.max_in_flight or IN_FLIGHT,
        rate_limit=row.rate_limit,
        retry_schedule=schedule(row.retry_schedule),
        drain_rate=row.drain_rate,
        capped=row.max_in_flight is not None,
    )


def schedule(stored: str | None) -> tuple[float, ...]:
    """The retry schedule as stored; the default when none is."""
    return tuple(orjson.loads(stored)) if stored else SCHEDULE
