"""The allow list: which events may leave for which destination. An empty list lets nothing out."""

import hashlib
from collections.abc import Collection
from functools import lru_cache

from ours.core.incoming import Kind
from ours.plugin.types import IDENTIFY

ALL = "*"
"""Stands on an allow list for every ordinary event: one whose name does not begin with ``$``."""


@lru_cache(maxsize=1024)
def name_key(name: str) -> str:
    """32 hex digits that are the same for names that differ only in case and surrounding space."""
    return hashlib.blake2b(name.strip().casefold().encode(), digest_size=16).hexdigest()


def reads_as_identify(name: str) -> bool:
    """Whether a list that names ``$identify`` would take an event of this name for one."""
    return name_key(name) == name_key(IDENTIFY)


def allows(keys: Collection[str], event_name: str, kind: Kind) -> bool:
    """Whether a list of name keys lets an event out. Names with ``$``, and identifies, must be listed by name."""
    name = IDENTIFY if kind == "identify" else event_name.strip()
    if name_key(name) in keys:
        return kind == "identify" or not reads_as_identify(name)
    return ALL in keys and not name.startswith("$")
