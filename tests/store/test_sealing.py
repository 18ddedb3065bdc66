"""Sealed values open only with their key and in their place."""

import math

import pytest

from ours.errors import Damaged, KeyMissing, Unsealable
from ours.store import Lookup, Sealer, Store, key_hash, sealing

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


@pytest.mark.parametrize("damaged", [b"", b"\x01", b"\x02" + b"k" * 60])
def test_what_no_release_sealed_is_damaged(damaged: bytes) -> None:
    with pytest.raises(Damaged):
        Sealer((OLD,)).open(damaged, "p")


def test_a_key_that_left_the_ring_is_named_as_the_reason() -> None:
    with pytest.raises(Unsealable, match="OURS_SECRET_KEYS"):
        Sealer((NEW,)).open(Sealer((OLD,)).seal(b"x", "p"), "p")


@pytest.mark.parametrize(("again", "times"), [(math.inf, 1), (0.0, 3)])
def test_the_ring_is_read_again_for_what_another_key_sealed_but_not_for_each_value(
    monkeypatch: pytest.MonkeyPatch, again: float, times: int
) -> None:
    monkeypatch.setattr(sealing, "_AGAIN", again)
    asked: list[int] = []
    sealer = Sealer((OLD,), lambda: asked.append(1) or (NEW, OLD))  # type: ignore[func-returns-value]
    assert sealer.open(Sealer((NEW,)).seal(b"x", "p"), "p") == b"x"
    for _ in range(2):
        with pytest.raises(KeyMissing):
            sealer.open(Sealer((b"x" * 32,)).seal(b"x", "p"), "p")
    assert len(asked) == times


def test_what_an_older_release_stored_is_opened_and_found_by_this_one() -> None:
    """Bytes that stand in databases: whoever changes how they are made loses what is there, or takes it twice."""
    sealed = bytes.fromhex("01b7bca7376e6e6e6e6e6e6e6e6e6e6e6e366022c2a3807b5bb615236eb08109e9aa4f9625")
    assert Sealer((OLD,)).open(sealed, "events:1") == b"jane"
    lookup = Lookup(OLD)
    assert lookup("live", "email", "ä") == "4ff25d1e656675d64106f7addf157a64"
    assert lookup.content(b"x") == "7ec6d1f325414532b7c001e173042853"
    assert lookup.repeat("live", "Purchase", "order-1") == "6b1b705c7892a0dcc14f3dbbe1b087d3"
    assert key_hash("live-key") == "13705115bca8e4f88de4ba8216f4cb5b21416cb9afb8ba8f115a8f4a70e395fc"


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
