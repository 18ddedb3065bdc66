"""Normalises what names a person, and hashes it: vendors match on the SHA-256 of a text that each writes its own way.

A rule takes what a caller sent, whatever that is, and gives the text as the vendor writes it, or None when it can't be
read: rubbish is left out, never hashed. ``hashed(value, rule)`` gives the SHA-256. A value that is one already passes
through, in lower case, and is never hashed twice.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from marshmallow import ValidationError

from ours.plugin.types import SecretValue
from ours.states import STATES

Rule = Callable[[Any], str | None]

EXACT = 2**53
"""Up to here a float that is whole is the number that was meant."""
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"[^@\s<>,;:]+@[^@\s<>,;:]+")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ].*)?")
_ZIP_PLUS_FOUR = re.compile(r"\d{5}-\d{4}")
_GOOGLES = {"gmail.com", "googlemail.com"}
_LONGEST_PHONE = 60
_NOBODY = {
    "", "0", "-1", "00000000-0000-0000-0000-000000000000", "[]", "anon", "anonymous", "false", "lmy47d", "n/a", "na",
    "nil", "none", "null", "true", "undefined", "unknown", "{}",
}  # fmt: skip


def hashed(value: Any, rule: Rule) -> str | None:
    """The SHA-256, as 64 lower-case hex digits, of what ``rule`` makes of ``value``; None when it makes nothing."""
    if is_hash(value):
        return str(value).strip().lower()
    text = rule(value)
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def is_hash(value: Any) -> bool:
    """Whether it is a SHA-256 already."""
    return isinstance(value, str) and _HASH.fullmatch(value.strip()) is not None


def keyed(value: Any, key: str) -> str | None:
    """An id of yours as the vendor may know it: HMAC-SHA256 under a key that the vendor doesn't have.

    Only for ids of your own: a keyed hash of an email matches nobody.
    """
    text = plain(value)
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest() if text else None


def event_key(name: str, distinct_id: str) -> str:
    """32 hex digits, the same whenever the same event is sent: for vendors that drop repeats by one id alone.

    A caller's distinctId may be that of an order, and come with another name too, such as ``Order Paid``.
    """
    return hashlib.sha256(f"{name}\0{distinct_id}".encode()).hexdigest()[:32]


def somebody(value: Any) -> str | None:
    """As ``plain``, but None for what programs write where they know nobody, such as ``null`` and ``anonymous``.

    Analytics refuses some of these, and would make one person of all whom they stand for.
    """
    text = plain(value)
    return text if text and text.lower() not in _NOBODY else None


def plain(value: Any) -> str | None:
    """As it is, without space around it. Whole numbers are texts, ``7.0`` too; other things are nothing."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    text = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    return text if text and _can_be_sent(text) else None


def external_id(value: Any, key: SecretValue | None, rule: Rule = plain) -> str | None:
    """An id of yours under your ``key``, where there is one; else hashed as ``rule`` writes it. None for nobody's."""
    if not somebody(value):
        return None
    return keyed(value, key.reveal()) if key else hashed(value, rule)


def lowered(value: Any) -> str | None:
    """In lower case, without space around it: names as Pinterest writes them."""
    return (plain(value) or "").lower() or None


def squeezed(value: Any) -> str | None:
    """In lower case, without any space: ids of yours as Meta's Pixel writes them, names as TikTok does."""
    return "".join((lowered(value) or "").split()) or None


def email(value: Any) -> str | None:
    """Trimmed and in lower case: Meta, TikTok, Pinterest, Snapchat, LinkedIn."""
    text = (plain(value) or "").lower()
    return text if _ADDRESS.fullmatch(text) else None


def google_email(value: Any) -> str | None:
    """As Google writes it: no white space at all; for Gmail, no dots and no ``+suffix`` in front of the ``@``."""
    text = email("".join((plain(value) or "").split()))
    return _stripped(text) if text and text.partition("@")[2] in _GOOGLES else text


def stripped_email(value: Any) -> str | None:
    """No dots and no ``+suffix`` in front of the ``@``, whatever the domain: Microsoft."""
    text = email(value)
    return _stripped(text) if text else None


def phone(value: Any, region: str | None = None) -> str | None:
    """E.164 with its plus, ``+14155550100``: Google, TikTok, Reddit, Microsoft.

    A number with a leading ``+`` or ``00`` needs nothing; another is read as of ``region`` (``"US"``, ``"FR"``), and
    without a region can't be read: it might be anybody's in another country.
    """
    text = plain(value)
    return _e164(text, region.upper() if region else None) if text and len(text) <= _LONGEST_PHONE else None


def phone_digits(value: Any, region: str | None = None) -> str | None:
    """E.164 without its plus, ``14155550100``: Meta, Pinterest, Snapchat."""
    number = phone(value, region)
    return number[1:] if number else None


def is_region(text: str) -> None:
    """For ``validate=`` of the setting that says as of which country phone numbers are read.

    :raises ValidationError: when no phone number could be read as of it, such as ``UK``, which is GB.
    """
    import phonenumbers

    if text.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError("Must be a country's two letters (ISO 3166), such as US, or GB for the United Kingdom.")


def name(value: Any) -> str | None:
    """In lower case, without punctuation and space, accents and all: Meta, as its Pixel does."""
    return "".join((google_name(value) or "").split()) or None


def google_name(value: Any) -> str | None:
    """In lower case, without punctuation."""
    text = (plain(value) or "").lower()
    return "".join(mark for mark in text if unicodedata.category(mark)[0] not in "PS").strip() or None


def place(value: Any) -> str | None:
    """A city or a state: its letters alone, in lower case. ``"St. Denis"`` → ``"stdenis"``."""
    text = (plain(value) or "").lower()
    return "".join(mark for mark in text if unicodedata.category(mark)[0] in "LM") or None


def state(value: Any, country: Any = None) -> str | None:
    """As ``place``; a state of the United States by its two letters, ``"New York"`` → ``"ny"``: Meta.

    Where another country is known, ``"Georgia"`` is none of theirs.
    """
    written = place(value)
    return written if country_code(country) not in (None, "us") else STATES.get(written or "", written)


def postal_code(value: Any, country: Any = None) -> str | None:
    """In lower case, without spaces and hyphens; of a number of the United States the first five digits."""
    text = (plain(value) or "").lower()
    if country_code(country) == "us" or _ZIP_PLUS_FOUR.fullmatch(text):
        text = text.partition("-")[0].strip()[:5]
    return "".join(mark for mark in text if not mark.isspace() and mark != "-") or None


def country_code(value: Any) -> str | None:
    """Two letters in lower case (ISO 3166), so ``gb`` of ``"UK"``; anything else can't be read."""
    text = (plain(value) or "").lower()
    code = "gb" if text == "uk" else text
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def birthday(value: Any) -> str | None:
    """``"1990-02-28"`` and ``"1990-02-28T00:00:00Z"`` → ``"19900228"``. Other orders of day and month are guesswork."""
    parts = _DAY.fullmatch(plain(value) or "")
    try:
        return date(*map(int, parts.groups())).strftime("%Y%m%d") if parts else None
    except ValueError:
        return None


def gender(value: Any) -> str | None:
    """``m`` or ``f``; vendors know no other."""
    return {"m": "m", "male": "m", "f": "f", "female": "f"}.get((plain(value) or "").lower())


def _stripped(address: str) -> str | None:
    local, _, domain = address.partition("@")
    local = local.partition("+")[0].replace(".", "")
    return f"{local}@{domain}" if local else None


@lru_cache(maxsize=1024)
def _e164(text: str, region: str | None) -> str | None:
    import phonenumbers  # a tenth of a second that most processes never need

    try:
        number = phonenumbers.parse("+" + text[2:] if text.startswith("00") else text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _can_be_sent(text: str) -> bool:
    """Half of a surrogate pair has no bytes in UTF-8."""
    return not any("\ud800" <= mark <= "\udfff" for mark in text)
