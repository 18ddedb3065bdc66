"""Characters that draw nothing, or draw something else: shown as a mark, ⟨U+200B⟩, and refused in names of ours.

So that ``Purch⟨U+200B⟩base`` is not taken for ``Purchase``, and a right-to-left override turns nothing round. What a
reader needs stays: joiners inside emoji, and between letters of the scripts that are written with them.
"""

import re
import unicodedata
from itertools import pairwise

_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
_BLANKS = re.compile(f"[{_BLANK}]")
_NUMBER_SIGNS = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""They stand before a number and are drawn, though they count as formats."""
_SPACES = {"\n", "\t", "\u00a0", "\u202f", "\u3000"}
_JOINERS = {"\u200c", "\u200d"}
_STYLES = {"\ufe0e", "\ufe0f"}
_JOINING = range(0x0600, 0x1D00)
_FLAG = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
)  # a land's, in one cluster
_TONES = range(0x1F3FB, 0x1F400)


def visible(name: object) -> str:
    """A name, of which every character is seen."""
    return _marked(str(name), set())


def readable(text: object) -> str:
    """A longer text: its line ends and tabs stay, and the spaces of other languages."""
    return _marked(str(text), _SPACES)


def first_unseen(name: str) -> str | None:
    """The first character of a name that ``visible`` shows as a mark; None: all are seen."""
    shown = visible(name)
    return None if shown == name else next(mark for mark, drawn in zip(name, shown, strict=False) if mark != drawn)


def _marked(text: str, kept: set[str]) -> str:
    if text.isprintable() and not _BLANKS.search(text):
        return text
    between = _FLAG.split(text)
    return "".join(part if place % 2 else _part(part, kept) for place, part in enumerate(between))


def _part(text: str, kept: set[str]) -> str:
    shown, before = [], ""
    for here, after in pairwise([*text, ""]):
        fine = here in kept or _is_drawn(here) or _joins(before, here, after)
        shown.append(here if fine else f"⟨U+{ord(here):04X}⟩")
        if here not in _STYLES:
            before = here
    return "".join(shown)


def _is_drawn(mark: str) -> bool:
    return mark in _NUMBER_SIGNS or (mark.isprintable() and not _BLANKS.match(mark))


def _joins(before: str, here: str, after: str) -> bool:
    """Whether it shapes what stands beside it."""
    if here in _STYLES:
        return _is_symbol(before) or (before.isascii() and (before.isdigit() or before in {"#", "*"}))
    if here not in _JOINERS or not before or not after:
        return False
    return (_is_symbol(before) and _is_symbol(after)) or (_is_joining(before) and _is_joining(after))


def _is_symbol(mark: str) -> bool:
    return bool(mark) and (unicodedata.category(mark) == "So" or ord(mark) in _TONES)


def _is_joining(mark: str) -> bool:
    return ord(mark) in _JOINING and unicodedata.category(mark)[0] in "LM"
