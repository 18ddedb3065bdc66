"""Masks secrets: by the names of headers and query fields, and by their values in whatever form they turn up."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

MASK = "••••"
_SHORTEST = 4
_SECRET_NAME = re.compile(r"auth(?!ors?\b)|cookie|credential|key|passw|pwd|secret|session|token", re.I)
_PUBLIC_NAME = re.compile(r"signature$|^idempotency-key$", re.I)
_PASSWORD = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", re.I)
_BEHIND = re.compile(r"^([a-z][a-z0-9+.-]*://[^/?#]*)[/?#]+[^/?#].*", re.I | re.S)
_QUERY_FIELD = re.compile(r"([?&#])([^=&#]+)=([^&#]*)")


def texts_in(value: Any) -> list[str]:
    """Every text in settings of which nobody knows which are secret."""
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in texts_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_in(inner)]
    return [value] if isinstance(value, str) else []


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with the values of those masked whose name says secret. Signatures stay: they give no secret away."""
    return {**headers, **_masks(tuple(headers))}


def mask_url(url: str) -> str:
    """A URL without its password, and without the values of query fields whose name says secret."""
    if "=" not in url and "@" not in url:
        return url
    return _QUERY_FIELD.sub(_masked_field, _PASSWORD.sub(rf"\1{MASK}@", url))


def cut_url(url: str) -> str:
    """A URL without its password and what stands behind its server: with many a hook, that alone is the secret."""
    return _BEHIND.sub(rf"\1/{MASK}", _PASSWORD.sub(rf"\1{MASK}@", url))


class Masker:
    """Masks known secrets in texts: as they are, URL-quoted, JSON-escaped, and in base64, however aligned.

    Texts of fewer than 4 characters are no secrets: masking each ``1`` would hide everything but them.
    Making one takes a while, so keep it as long as the secrets stay the same.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))
        self._any = re.compile("|".join(map(re.escape, self._forms)) or r"(?!)")

    def text(self, text: str) -> str:
        return self._any.sub(MASK, text) if self._is_in(text) else text

    def beginning(self, text: str, most: int) -> str:
        """The first ``most`` signs of what ``text`` gives, at most: nothing of a secret that the cut would divide."""
        longest = len(self._forms[0]) if self._forms else 0
        if len(text) <= most + longest:
            return self.text(text)[:most]
        whole = self.text(text[: most + longest])
        return whole[: max(len(whole) - longest, 0)][:most]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """By name and by value."""
        return self.message(headers)[0]

    def message(self, headers: Mapping[str, str], *texts: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """Headers as ``headers`` gives them and other ``texts`` as ``text`` does, with one look for all of them."""
        masked = mask_headers(headers)
        if not self._is_in("\n".join((*masked.values(), *texts))):  # as nearly always
            return masked, texts
        return {name: self.text(value) for name, value in masked.items()}, tuple(map(self.text, texts))

    def _is_in(self, text: str) -> bool:
        """Whether ``text`` has a secret. To look for each form by itself takes a fraction of what a pattern takes."""
        return text != "" and any(map(text.__contains__, self._forms))

    def url(self, url: str) -> str:
        """By name and by value."""
        return self.text(mask_url(url))


@lru_cache(1024)  # the same few headers come with every request
def _masks(names: tuple[str, ...]) -> Mapping[str, str]:
    return {name: MASK for name in names if _is_secret(name)}


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PUBLIC_NAME.search(name)


def _masked_field(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    return f"{mark}{name}={MASK if _is_secret(unquote_plus(name)) else value}"


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(secret.encode()).decode()
        yield from _inside_base64(secret.encode(), encode)


def _inside_base64(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """What stays of a secret in base64 of a longer text (``user:secret``), for each place it may begin at."""
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        sure = (before + len(secret)) * 8 // 6
        yield encode(bytes(before) + secret).decode()[unsure:sure]
