"""What the address of a list may say."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from ours.services.overview import read_cursor

MOST = 200
an_id = validate.Regexp(r"[0-9a-f]{32}\Z", error="Must be an id of 32 hex digits.")


class Paged(Schema):
    """So many entries, ``MOST`` of them at the most."""

    limit = fields.Integer(load_default=50)

    @post_load
    def within_bounds(self, asked: dict[str, Any], **_: Any) -> dict[str, Any]:
        return asked | {"limit": min(max(asked["limit"], 1), MOST)}


def a_cursor(text: str) -> None:
    """:raises ValidationError: when it is not what an answer's ``before`` was."""
    if read_cursor(text) is None:
        raise ValidationError("Must be what `before` of an answer said.")
