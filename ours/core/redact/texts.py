"""What of a person stands inside texts: emails and phone numbers by how they look, and words that are known of them.

Every pattern begins where a word does, so that a long text is looked through once.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote, unquote_plus

from ours.core.redact.secrets import MASK, mask_url

HIDDEN = "•••"
_AT = "@\uff20\ufe6b"
"""Also as wide and as small as the letters of other scripts are."""
_PLAIN = dict.fromkeys(map(ord, _AT), "@")
_APART = rf"\s{_AT}<>()\[\]{{}},;:\"/\\?=&#|•"
_ONE = rf"[^{_APART}]++[{_AT}](?>[\w-]+(?:\.[\w-]+)*)"
_EMAIL, _EMAILS = re.compile(_ONE), re.compile(rf"(?<![^{_APART}])(?:{_ONE})+")  # several with nothing that parts them
_GAP = r"[ ().\-/]"
_PHONE = re.compile(
    rf"(?<![\w+])(?:\+[1-9](?:{_GAP}{{0,2}}\d){{6,14}}|00[1-9]\d{{0,2}}{_GAP}(?:{_GAP}{{0,2}}\d){{6,13}})(?!\d)"
    r"|(?<![\w.+\-])(?:\d{1,2}[ .\-])?\(?\d{3}\)?[ .\-]{1,2}\d{3}[ .\-]\d{4}(?![\w\-])"  # (555) 010-0000
    r"|(?<![\w.+\-])\(?0\d{1,4}\)?[ /\-](?!\d\d[/\-]\d{4}(?!\d))\d(?:[ \-]?\d){5,10}(?!\w)"  # 0170 1234567
    r"|(?<![\w.+\-])\d{3}-\d{2}-\d{4}(?![\w\-])"  # a social security number
    r"|(?<![\w.+\-])\d{4}[ \-]\d{4}[ \-]\d{4}[ \-]\d{1,7}(?![\w\-])"  # a card's number
)
_PIECE = re.compile(r"\S+")
_BASE64 = re.compile(r"(?<![\w+-])[A-Za-z0-9+_-]{10,}+={0,2}+(?![\w+-])")
"""Without the slash, which parts an address: no letter, digit or usual mark in a text makes one."""
_FIELD = re.compile(r"(^|[?&#;])([^=?&#;]{1,200})=([^&#;]*)")
_RUN = re.compile(r"[^/?&#;=,]+")
_WORD = re.compile(r"[^\W_\u2e80-\U0003ffff]+|[\u2e80-\U0003ffff]")
_MOST_WORDS = 12
_DEPTH = 3
_SHORT_NUMBER = 6

Judge = Callable[[str, str], str]


def mask_email(address: str) -> str:
    """``"jane@example.com"`` → ``"j•••@e•••.com"``."""
    local, _, domain = _plain(address).strip().rpartition("@")
    host, dot, top = domain.rpartition(".")
    if not local:
        return initial(domain)
    return f"{initial(local)}@{initial(host)}.{top}" if dot else f"{initial(local)}@{initial(domain)}"


def initial(text: str) -> str:
    return f"{text[:1]}{HIDDEN}"


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def words(text: str) -> tuple[str, ...]:
    """``"+49 (0)170-12"`` → ``("49", "0", "170", "12")``: what two spellings of the same have in common."""
    return tuple(_same(match[0]) for match in _WORD.finditer(text))


class Known:
    """Finds what is known in a text, however it is spaced, hyphenated or capitalised; always whole words."""

    def __init__(self, phrases: Iterable[Sequence[str]]) -> None:
        self._phrases = {tuple(phrase[:_MOST_WORDS]) for phrase in phrases if phrase}
        lengths: dict[str, set[int]] = {}
        for phrase in self._phrases:
            lengths.setdefault(phrase[0], set()).add(len(phrase))
        self._lengths: Mapping[str, Sequence[int]] = {one: sorted(all_, reverse=True) for one, all_ in lengths.items()}

    def __contains__(self, text: str) -> bool:
        return words(text) in self._phrases

    def mask(self, text: str) -> str:
        if not self._phrases:
            return text
        found = list(_WORD.finditer(text))
        said = tuple(_same(match[0]) for match in found)
        parts, at, here = [], 0, 0
        while here < len(found):
            if end := self._end(said, here):
                parts += [text[at : found[here].start()], HIDDEN]
                at = found[end - 1].end()
            here = end or here + 1
        return "".join([*parts, text[at:]]) if parts else text

    def _end(self, said: tuple[str, ...], here: int) -> int:
        """Behind the words from here on that are something known; 0: there are none."""
        ends = (min(here + length, len(said)) for length in self._lengths.get(said[here], ()))
        return next((end for end in ends if said[here:end] in self._phrases), 0)


def mask_text(text: str, known: Known, judge: Judge, depth: int = _DEPTH) -> str:
    """A text of any kind, addresses with their decoded queries among it.

    ``judge`` says what is shown of a query's field, by its name and its decoded value.
    """
    if "=" in text or "%" in text or "://" in text:
        text = _PIECE.sub(lambda match: _address(match[0], known, judge, depth), text)
    if any(mark in text for mark in _AT):
        text = _EMAILS.sub(lambda several: _EMAIL.sub(_judged_email, several[0]), text)
    if depth:
        text = _BASE64.sub(lambda match: _encoded(match[0], known, judge, depth), text)
    return known.mask(_PHONE.sub(HIDDEN, text))


def _plain(address: str) -> str:
    return address.translate(_PLAIN)


def _encoded(run: str, known: Known, judge: Judge, depth: int) -> str:
    """What may be base64 of a text with an email in it is hidden whole."""
    bare = run.rstrip("=")
    try:
        said = urlsafe_b64decode(bare.replace("+", "-") + "=" * (-len(bare) % 4))
        text = said.decode() if b"@" in said else ""
    except ValueError:
        return run
    return HIDDEN if mask_text(text, known, judge, depth - 1) != text else run


def _address(piece: str, known: Known, judge: Judge, depth: int) -> str:
    piece = mask_url(piece)
    if "=" in piece:
        piece = _FIELD.sub(lambda match: _field(match, known, judge, depth), piece)
    return _RUN.sub(lambda match: _run(match[0], known, judge, depth), piece) if "%" in piece else piece


def _field(match: re.Match[str], known: Known, judge: Judge, depth: int) -> str:
    mark, name, value = match.groups()
    if not value or value == MASK:
        return match[0]
    said = unquote_plus(value)
    shown = judge(unquote_plus(name), said)
    if shown == said and depth and said != value:
        shown = mask_text(said, known, judge, depth - 1)
    return match[0] if shown == said else f"{mark}{name}={shown}"


def _run(text: str, known: Known, judge: Judge, depth: int) -> str:
    """A part of an address that is quoted: masked in clear when it has something to mask."""
    said = unquote(text)
    if said == text or not depth:
        return text
    shown = mask_text(said, known, judge, depth - 1)
    return text if shown == said else shown


def _judged_email(match: re.Match[str]) -> str:
    """``react@18.2.0`` is none: nobody's host is a number."""
    found = match[0]
    return mask_email(found) if any(mark.isalpha() for mark in _plain(found).rpartition("@")[2]) else found


def _same(word: str) -> str:
    return (word.lstrip("0") or "0") if word.isdigit() else word.casefold()


def parts_of_name(text: str) -> Iterator[tuple[str, ...]]:
    """A name and each of its parts that would be known again: ``Ada van Loon`` → all of it, ``ada``, ``loon``."""
    whole = words(text)
    if sum(map(len, whole)) > 1:
        yield whole
    yield from ((word,) for word in whole if len(word) > 2 and word not in _PARTICLES)


def parts_of_number(text: str) -> Iterator[tuple[str, ...]]:
    """A phone number's digits in one word, with and without what stands before them in another country."""
    digits = "".join(mark for mark in text if mark.isdigit()).lstrip("0")
    rests = (digits[start:] for start in range(min(len(digits), 20)))
    yield from ((rest,) for rest in rests if len(rest) > _SHORT_NUMBER)


_PARTICLES = {"and", "ben", "bin", "das", "de", "del", "den", "der", "des", "die", "dos", "ibn", "las", "los", "mr",
              "mrs", "ms", "the", "van", "von", "zum", "zur"}  # fmt: skip
