"""Fields for a destination's ``Settings`` beyond marshmallow's own."""

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields

from ours.plugin.types import SecretValue

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?")
_SENDERS_OWN = {"connection", "content-length", "host", "transfer-encoding"}


class Secret(fields.String):
    """A setting that is sealed at rest, never shown again, and masked wherever it turns up."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> SecretValue:  # type: ignore[override]
        if isinstance(value, SecretValue):
            value = value.reveal()
        return SecretValue(super()._deserialize(value, attr, data, **kwargs))

    def _validate(self, value: Any) -> None:
        super()._validate(value.reveal() if isinstance(value, SecretValue) else value)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        return value.reveal() if isinstance(value, SecretValue) else value


class Endpoint(fields.Url):
    """The http or https address that requests go to; a bare host name (``http://receiver:9000``) will do."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(schemes={"http", "https"}, require_tld=False, **kwargs)
        self.validators.append(_no_credentials)


def _no_credentials(address: str) -> None:
    if "@" in urlsplit(address).netloc:
        raise ValidationError(
            "The address must not contain a user name or password: everybody who sees the address would see them."
        )


class Headers(fields.Dict):
    """HTTP headers as ``{"Name": "value"}`` or as lines of ``Name: value``; the values are treated as secrets."""

    def __init__(self, **kwargs: Any) -> None:
        keys, values = fields.String(validate=_header_name), Secret(validate=_header_value)
        super().__init__(keys=keys, values=values, pre_load=_from_lines, **kwargs)


def _from_lines(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    pairs = (line.partition(":") for line in value.splitlines() if line.strip())
    return {name.strip(): text.strip() for name, _, text in pairs}


def _header_name(name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ValidationError("A header's name has letters, digits and hyphens only.")
    if name.lower() in _SENDERS_OWN:
        raise ValidationError("This header is set by the sender and can't be changed.")


def _header_value(value: str) -> None:
    if not _HEADER_VALUE.fullmatch(value):
        raise ValidationError("A header's value is one line of plain ASCII, with no space at either end.")
