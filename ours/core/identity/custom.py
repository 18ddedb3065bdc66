"""A visitor's custom properties. They only ever gain, from one event to the next, so what is kept of them has a bound.

Without one, an id that many people share would grow a profile that every event of theirs has to carry.
"""

from collections.abc import Mapping
from typing import Any

import orjson

MOST_KEYS = 1_000
MOST_BYTES = 256 * 1024
"""As JSON."""


def joined(kept: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """``kept`` with ``news`` on top, one by one as far as there is room; and whether there was room for all.

    What has no room leaves all as it was: a new key is not added, and a known one keeps its value.
    """
    room = MOST_BYTES - _size(kept)
    if len(kept) + len(news) <= MOST_KEYS and _size(news) <= room:
        return {**kept, **news}, True
    result, whole = dict(kept), True
    for key, value in news.items():
        is_new = key not in result
        more = _size({key: value}) - (0 if is_new else _size({key: result[key]}))
        if more > max(room, 0) or (is_new and len(result) >= MOST_KEYS):
            whole = False
            continue
        result[key] = value
        room -= more
    return result, whole


def _size(custom: Mapping[str, Any]) -> int:
    return len(orjson.dumps(custom))
