"""Kinds of values that a variable may hold, beyond plain text and numbers."""

import base64
import binascii
import ipaddress
import re
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")


def is_ip(value: str) -> None:
    """:raises ValidationError: when it is a name."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValidationError("Must be an IP address: 127.0.0.1, or 0.0.0.0 for all of this machine's.") from None


class Commas(fields.Field[tuple[Any, ...]]):
    """Comma-separated parts, each read by ``one``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Any, ...]:
        try:
            return tuple(self.one(part.strip()) for part in str(value).split(",") if part.strip())
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def one(self, part: str) -> Any:
        raise NotImplementedError


class Networks(Commas):
    def one(self, part: str) -> Network:
        return ipaddress.ip_network(part, strict=False)


class Hosts(Commas):
    def one(self, part: str) -> str:
        if not _HOST.fullmatch(part):
            raise ValueError("Each must be a host's name or address, without a scheme, a port or a path.")
        return part.lower()


class Keys(Commas):
    def one(self, part: str) -> bytes:
        try:
            key = base64.urlsafe_b64decode(part)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ValueError("Each key must be 32 bytes in URL-safe base64 (44 characters).")
        return key


class Addresses(Commas):
    def one(self, part: str) -> str:
        if not ADDRESS.fullmatch(part):
            raise ValueError(f'"{part}" is no e-mail address.')
        return part


class Folder(fields.Field[Path]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Path:
        return Path(str(value)).expanduser().resolve()
