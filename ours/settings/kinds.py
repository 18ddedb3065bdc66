"""Kinds of values that a variable may hold, beyond plain text and numbers."""

import base64
import ipaddress
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from marshmallow import ValidationError, fields

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")

_KEY = re.compile(r"[A-Za-z0-9_+/-]{43}=")
_WRITE = "Write @, :, / and # in a name or password as %40, %3A, %2F and %23."


def is_ip(value: str) -> None:
    """:raises ValidationError: when it is a name."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValidationError(
            "Must be an IP address: 127.0.0.1, 0.0.0.0 for all of this machine's, or :: for IPv6's, too."
        ) from None


def has_port(value: str) -> None:
    """:raises ValidationError: when its port, if it names one, is none."""
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValidationError(f"Its port must be a number, 65535 at most. {_WRITE}") from None


def has_host(value: str) -> None:
    """:raises ValidationError: when it names no host, or a port that is none."""
    has_port(value)
    if value and not urlsplit(value).hostname:
        raise ValidationError("It must name a host.")


def is_ascii(value: str) -> None:
    """:raises ValidationError: when it is not, be it by what its %-codes stand for."""
    if not unquote(value).isascii():
        raise ValidationError("User, password and host must be plain ASCII.")


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
    """One by one, for base64's own reader passes over what it does not know, and so over a second key."""

    def one(self, part: str) -> bytes:
        if not _KEY.fullmatch(part):
            raise ValueError("Each key must be 32 bytes in URL-safe base64 (44 characters); commas part them.")
        return base64.urlsafe_b64decode(part)


class Addresses(Commas):
    def one(self, part: str) -> str:
        if not ADDRESS.fullmatch(part):
            raise ValueError(f'"{part}" is no e-mail address.')
        return part


class Folder(fields.Field[Path]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Path:
        return Path(str(value)).expanduser().resolve()
