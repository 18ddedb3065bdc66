"""Every modification by its name, with the words that people are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ours.core.modifications import addresses, hashing, texts, urls
from ours.plugin.identifiers import is_hash

OnText = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Modification:
    """``apply`` gives None where nothing is left to send."""

    name: str
    label: str
    description: str
    apply: Callable[[Any], Any]


def _each(modify: OnText, value: Any) -> Any:
    """On the text of a value, or of each entry of a list."""
    if isinstance(value, str):
        return modify(value)
    if value is None:
        return None
    if isinstance(value, list):
        return [done for entry in value if (done := _each(modify, entry)) is not None]
    return modify(texts.as_text(value))


def _hash(prepare: OnText, digest: Callable[[str], str], text: str) -> str | None:
    if is_hash(text):
        return text.strip().lower()
    ready = prepare(text)
    return None if ready is None else digest(ready)


def _as_it_is(value: Any) -> Any:
    return value


def _nothing(_value: Any) -> None:
    return None


def _redacted(value: Any) -> str | None:
    return None if value is None else "REDACTED"


def _hashed(name: str, label: str, description: str, prepare: OnText) -> Modification:
    return _text(name, label, f"SHA-256 of {description}", partial(_hash, prepare, hashing.sha256))


def _text(name: str, label: str, description: str, modify: OnText) -> Modification:
    return Modification(name, label, description, partial(_each, modify))


_ALL = (
    Modification("None", "As it is", "The value unchanged.", _as_it_is),
    Modification("Null", "Null", "Always null, whatever the value is.", _nothing),
    Modification("Redacted", "Redacted", "The text REDACTED if there is a value.", _redacted),
    _hashed("Hash", "SHA-256", "the text exactly as it is.", lambda text: text or None),
    _text("HashMD5", "MD5", "MD5 of the text exactly as it is. Only for receivers that support nothing better.",
          partial(_hash, lambda text: text or None, hashing.md5)),
    _hashed("HashedNormalized", "SHA-256, normalised", "the text in lower case, without surrounding spaces.",
            hashing.normalised),
    _hashed("HashedNormalizedNoSpecialChars", "SHA-256, letters and digits",
            "its letters and digits in lower case; accents are kept.", hashing.without_special),
    _hashed("HashedPhone", "SHA-256, phone", "the digits without + or leading 00. The country code must be included.",
            hashing.phone),
    _hashed("HashedCountry", "SHA-256, country", "the two-letter code in lower case. Of country names, only those of "
            "the United States and the United Kingdom are known; others give nothing.", hashing.country),
    _hashed("HashedState", "SHA-256, state", "its letters in lower case; US states as their two letters.",
            hashing.state),
    _hashed("HashedZip", "SHA-256, postcode", "its letters and digits in lower case; of a US ZIP code, the first five.",
            hashing.postcode),
    _hashed("HashedGender", "SHA-256, gender", "f or m; anything else gives nothing.", hashing.gender),
    _hashed("HashedDateOfBirth", "SHA-256, date of birth",
            "YYYYMMDD. The value must look like 1988-03-07 or 19880307, with or without a T and a time; anything else "
            "gives nothing.", hashing.birth),
    _text("LowerCase", "lower case", "The text in lower case.", str.lower),
    _text("UpperCase", "UPPER CASE", "The text in upper case.", str.upper),
    _text("CamelCase", "camelCase", "Order Completed → orderCompleted.", texts.camel),
    _text("KebabCase", "kebab-case", "Order Completed → order-completed.", texts.kebab),
    _text("SnakeCase", "snake_case", "Order Completed → order_completed.", texts.snake),
    _text("StartCase", "Start Case", "order_completed → Order Completed.", texts.start),
    _text("FullUrl", "URL, whole", "The URL without user name, password and anything after #.", urls.full),
    _text("DomainOnly", "URL, domain", "https://shop.example.com, and nothing else.", urls.domain),
    _text("DomainPathOnly", "URL, domain and path", "https://shop.example.com/pricing, without the query.",
          urls.domain_path),
    _text("DomainUTMs", "URL, domain and UTM fields", "https://shop.example.com?utm_source=news, without the path.",
          urls.domain_utms),
    _text("DomainPathUTMs", "URL, domain, path and UTM fields",
          "https://shop.example.com/pricing?utm_source=news, without other fields.", urls.domain_path_utms),
    _text("FakeDomain", "URL, made-up domain", "https://example.com, whatever the URL is.", urls.fake),
    _text("FakeDomainRealPath", "URL, made-up domain and real path", "https://example.com/pricing, without the query.",
          urls.fake_real_path),
    _text("FakeIP", "IP, made up", "192.0.2.1 for any IPv4 address, 2001:db8::1 for any IPv6 one.", addresses.fake),
    _text("RegionalIP", "IP, regional", "The first 16 bits of an IPv4 address, 32 of an IPv6 one; the rest is zero.",
          addresses.regional),
    _text("DmaIP", "IP, market area", "The first 24 bits of an IPv4 address, 48 of an IPv6 one; the rest is zero.",
          addresses.dma),
)  # fmt: skip

MODIFICATIONS: Mapping[str, Modification] = {one.name: one for one in _ALL}
NONE, NULL = "None", "Null"
HASHES = frozenset(name for name in MODIFICATIONS if name.startswith("Hash"))
"""After these a value names nobody in clear."""


def table() -> str:
    """All modifications as the Markdown table of ``docs/rules.md``."""
    lines = [f"| `{one.name}` | {one.description} |" for one in MODIFICATIONS.values()]
    return "\n".join(["| name | what becomes of the value |", "|---|---|", *lines])
