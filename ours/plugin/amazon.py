"""What destinations at Amazon have in common: a region, and a pair of keys or the machine's own credentials."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

_REGION = r"[a-z0-9][a-z0-9-]{0,62}\Z"


class BothOrNone(Schema):
    """Settings with an ``access_key_id`` and a ``secret_access_key``."""

    @validates_schema
    def check_keys(self, data: Mapping[str, Any], **_: Any) -> None:
        """Half a pair would mean the machine's own credentials: another one's, and maybe what belongs to another."""
        missing = [name for name in ("access_key_id", "secret_access_key") if not data.get(name)]
        if len(missing) == 1:
            raise ValidationError("Give both keys, or none for the machine's own credentials.", missing[0])


def region(told: str) -> fields.String:
    """Where it is; ``told`` is the help."""
    fits = validate.Regexp(_REGION, error="Must be a region's short name, such as eu-west-1.")
    return fields.String(load_default="us-east-1", validate=fits, metadata={"label": "Region", "help": told})
