"""Masks what names or places a person, for screens.

Masked: email, phone_number, first_name, last_name, date_of_birth, gender, ip, zip and city, and any other property
whose name reads like one of these, or like an address or a document's number; and any text that is an email address,
whatever it is called. Shown: state and country, company and job, campaign and click ids, the user agent, the caller's
own ids, and plain yes and no: reviewers need them, and alone they name nobody.
"""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "•••"
_NAMES = re.compile(r"(\bname|(first|last|full|middle|maiden|given|family|sur|nick)[_ -]?name)(\.|$)", re.I)
_PERSONAL = re.compile(
    r"mail|phone|mobile|birth|\bdob\b|gender|\bsex\b|address|street|(\b|_)city\b|zip|post(al)?[_ -]?code|"
    r"\bssn\b|social[_ -]?security|passport|(\b|_)ip\b",
    re.I,
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def mask_email(address: str) -> str:
    """``"jane@example.com"`` → ``"j•••@e•••.com"``."""
    local, _, domain = address.strip().rpartition("@")
    host, dot, top = domain.rpartition(".")
    if not local:
        return _initial(domain)
    return f"{_initial(local)}@{_initial(host)}.{top}" if dot else f"{_initial(local)}@{_initial(domain)}"


def mask_value(name: str, value: Any) -> Any:
    """A property's value as a screen may show it, of the same shape. Under a personal name all is masked."""
    if isinstance(value, Mapping):
        return {key: mask_value(f"{name}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask_value(name, inner) for inner in value]
    if value is None or value == "" or isinstance(value, bool):
        return value
    text = str(value).strip()
    if _EMAIL.fullmatch(text):
        return mask_email(text)
    if _NAMES.search(name):
        return _initial(text)
    return HIDDEN if _PERSONAL.search(name) else value


def _initial(text: str) -> str:
    return f"{text[:1]}{HIDDEN}"
