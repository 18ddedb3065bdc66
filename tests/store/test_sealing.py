"""Sealed values open only with their key and in their place."""

import pytest

from ours.errors import Unsealable
from ours.store import Lookup, Sealer, Store

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_sealed_value_opens_in_its_place_and_hides_its_text() -> None:
    sealer = Sealer((OLD,))
    sealed = sealer.seal(b"jane@example.com", "events:1")
    assert b"jane" not in sealed
    assert sealer.open(sealed, "events:1") == b"jane@example.com"


def test_a_value_moved_to_another_row_does_not_open() -> None:
    sealer = Sealer((OLD,))
    with pytest.raises(Unsealable, match="moved"):
        sealer.open(sealer.seal(b"x", "events:1"), "events:2")


def test_after_rotation_old_values_open_and_new_ones_use_the_new_key() -> None:
    sealed = Sealer((OLD,)).seal(b"x", "p")
    rotated = Sealer((NEW, OLD))
    assert rotated.open(sealed, "p") == b"x"
    assert not rotated.is_current(sealed)
    assert rotated.is_current(rotated.seal(b"x", "p"))


def test_a_key_that_left_the_ring_is_named_as_the_reason() -> None:
    with pytest.raises(Unsealable, match="OURS_SECRET_KEYS"):
        Sealer((NEW,)).open(Sealer((OLD,)).seal(b"x", "p"), "p")


def test_lookup_hashes_never_run_parts_together() -> None:
    lookup = Lookup(OLD)
    assert lookup("live", "ab", "c") != lookup("live", "a", "bc")
    assert lookup("live", "email", "a") != lookup("test", "email", "a")


def test_nobody_without_the_key_can_try_out_what_was_said() -> None:
    said = Lookup(OLD).content(b"jane@example.com")
    assert said == Lookup(OLD).content(b"jane@example.com") != Lookup(OLD).content(b"joe@example.com")
    assert said != Lookup(NEW).content(b"jane@example.com")


def test_the_lookup_key_is_made_once(store: Store) -> None:
    first = store.lookup("live", "email", "a")
    del store.__dict__["lookup"]
    assert store.lookup("live", "email", "a") == first
