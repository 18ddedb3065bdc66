"""Laws of identity, on any events in any order."""

from itertools import combinations, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ours.core.identity import Facts
from ours.core.identity.facts import identifiers, public_id
from tests.core.shelf import Shelf, lookup

MODES = st.sampled_from(["live", "test"])
USERS = st.sampled_from([None, None, "u1", "u2", "u3"])
EXTERNALS = st.sampled_from([None, None, "x1", "x2", "x3"])
EMAILS = st.sampled_from([None, "e1", "e2", "e3"])
PHONES = st.sampled_from([None, "unknown", "15550100000", "+1 555 010 0001"])
CATEGORIES = st.lists(st.sampled_from(["advertising", "sale"]), unique=True)
CONSENTS = st.fixed_dictionaries({}, optional={"accepted_categories": CATEGORIES, "rejected_categories": CATEGORIES})
few = settings(max_examples=60)


@st.composite
def histories(draw: st.DrawFn, externals: st.SearchStrategy[str | None] = EXTERNALS) -> list[Facts]:
    """Events in order of acceptance, about a few people whose identifiers overlap."""
    properties = st.fixed_dictionaries(
        {"phone_number": PHONES},
        optional={
            "external_id": externals,
            "city": st.sampled_from(["Paris", "Rome", "", None]),
            "custom_properties": st.dictionaries(st.sampled_from("ab"), st.integers(0, 3) | st.none()),
            "consent": CONSENTS,
        },
    )
    events = st.tuples(MODES, USERS, externals, EMAILS, properties)
    return [
        Facts(event_id=f"{number:032x}", mode=mode, at=number, user_id=user, external_id=external,
              email_sha256=email, user_properties=bag)
        for number, (mode, user, external, email, bag) in enumerate(draw(st.lists(events, max_size=12)))
    ]  # fmt: skip


@few
@given(histories(), st.sets(st.integers(0, 12)))
def test_the_same_events_give_the_same_visitors_whatever_the_batch_split(history: list[Facts], cuts: set[int]) -> None:
    whole, parts = Shelf(), Shelf()
    told = whole.run(history)
    edges = sorted({0, len(history)} | {cut for cut in cuts if cut < len(history)})
    told_in_parts = [resolution for start, end in pairwise(edges) for resolution in parts.run(history[start:end])]
    assert told_in_parts == told
    assert parts.holders == whole.holders
    assert {record.id: record for record in parts.records()} == {record.id: record for record in whole.records()}


@few
@given(histories().flatmap(st.permutations), st.integers(1, 4))
def test_in_any_order_differing_external_ids_stay_apart(history: list[Facts], size: int) -> None:
    shelf, told = Shelf(), {}
    for start in range(0, len(history), size):
        batch = history[start : start + size]
        told |= {facts.event_id: found for facts, found in zip(batch, shelf.run(batch), strict=True)}
    for mode in ("live", "test"):
        holders = [shelf.holder("external", name, mode) for name in ("x1", "x2", "x3")]
        found = [holder.id for holder in holders if holder]
        assert len(set(found)) == len(found)
        assert all(
            holder.external_id == name for holder, name in zip(holders, ("x1", "x2", "x3"), strict=True) if holder
        )
    for facts in history:
        named = facts.external_id or facts.user_properties.get("external_id")
        if named and not facts.user_id:
            assert shelf.visitor(told[facts.event_id].visitor_id).external_id == named


@few
@given(histories().flatmap(st.permutations), st.integers(1, 4))
def test_aliases_are_flat_and_identifiers_name_roots(history: list[Facts], size: int) -> None:
    shelf = Shelf()
    for start in range(0, len(history), size):
        told = shelf.run(history[start : start + size])
        roots = {record.id for record in shelf.roots()}
        assert {record.alias_of for record in shelf.records() if record.alias_of} <= roots
        assert set(shelf.holders.values()) <= roots
        assert {shelf.visitor(resolution.visitor_id).id for resolution in told} <= roots


@few
@given(histories())
def test_test_and_live_never_mix(history: list[Facts]) -> None:
    both = Shelf()
    told = dict(zip([facts.event_id for facts in history], both.run(history), strict=True))
    for mode in ("live", "test"):
        own = [facts for facts in history if facts.mode == mode]
        alone = Shelf()
        assert alone.run(own) == [told[facts.event_id] for facts in own]
        assert {record.id for record in both.records() if record.mode == mode} == set(alone.rows)
        assert alone.holders.items() <= both.holders.items()


@few
@given(histories(externals=st.none()).flatmap(st.permutations))
def test_without_external_ids_visitors_are_what_the_identifiers_connect(history: list[Facts]) -> None:
    shelf = Shelf()
    shelf.run(history)
    groups = _connected([_names(facts) for facts in history])
    roots = [{_root(shelf, name) for name in group} for group in groups]
    assert all(len(found) == 1 for found in roots)
    assert all(not one & other for one, other in combinations(roots, 2))
    assert len(shelf.roots()) == len(groups)


@few
@given(histories())
def test_an_event_of_another_person_leaves_nothing_with_the_visitor_of_its_user_id(history: list[Facts]) -> None:
    shelf = Shelf()
    for facts in history:
        before = shelf.rows.get(lookup(facts.mode, "visitor", public_id(facts)))
        holders, known = dict(shelf.holders), shelf.named(public_id(facts), facts.mode).profile if before else {}
        [found] = shelf.run([facts])
        if "identifier_conflict:external" in found.notes:
            now = shelf.visitor(found.visitor_id).profile
            assert shelf.holders == holders
            assert _but_consent(now) == _but_consent(known)
            accepted = [
                set(one["properties"].get("consent", {}).get("accepted_categories", ())) for one in (known, now)
            ]
            assert accepted[1] <= accepted[0]


@few
@given(histories(externals=st.none()), st.integers(1, 4))
def test_the_consent_that_was_said_last_is_lost_by_no_merger(history: list[Facts], size: int) -> None:
    shelf = Shelf()
    for start in range(0, len(history), size):
        shelf.run(history[start : start + size])
    for root in shelf.roots():
        said = [
            facts.user_properties["consent"]
            for facts in history
            if "consent" in facts.user_properties and _whose(shelf, facts) == root.id
        ]
        assert root.profile["properties"].get("consent") == (said[-1] if said else None)


@few
@given(histories().flatmap(st.permutations), st.integers(1, 4))
def test_no_rejection_vanishes_but_by_a_later_word(history: list[Facts], size: int) -> None:
    """Whatever the order in which events are routed, what the one rejects that was received last is rejected."""
    shelf = Shelf()
    for start in range(0, len(history), size):
        shelf.run(history[start : start + size])
    for root in shelf.roots():
        said = [facts for facts in history if "consent" in facts.user_properties and _whose(shelf, facts) == root.id]
        if said:
            last = max(said, key=lambda facts: facts.event_id).user_properties["consent"]
            now = root.profile["properties"].get("consent", {})
            assert set(now.get("rejected_categories", [])) >= set(last.get("rejected_categories", []))


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
KNOWN = st.sampled_from(["external_id", "email", "phone_number", "custom_properties", "consent", "city"])


@few
@given(st.lists(st.dictionaries(KNOWN, ODD), max_size=4), st.none() | st.text(), st.none() | st.text())
def test_nothing_that_a_caller_sends_makes_it_fail(
    bags: list[dict[str, Any]], user: str | None, external: str | None
) -> None:
    shelf = Shelf()
    batch = [
        Facts(event_id=f"{number:032x}", mode="live", at=0, user_id=user, external_id=external, user_properties=bag)
        for number, bag in enumerate(bags)
    ]
    assert len(shelf.run(batch)) == len(bags)


def _names(facts: Facts) -> set[str]:
    """Everything that names the visitor of an event, as hashes."""
    named = {identifier.hash for identifier in identifiers(facts, lookup)}
    own = lookup(facts.mode, "visitor", public_id(facts))
    return named | {own} if facts.user_id or not named else named


def _but_consent(profile: dict[str, Any]) -> dict[str, Any]:
    properties = {name: value for name, value in profile["properties"].items() if name != "consent"}
    return {name: value for name, value in profile.items() if name != "consent_said"} | {"properties": properties}


def _accepted(profile: dict[str, Any]) -> set[str]:
    return set(profile["properties"].get("consent", {}).get("accepted_categories", ()))


def _whose(shelf: Shelf, facts: Facts) -> str:
    """Whose an event is by now: its visitor, or whom that was merged into."""
    return shelf.visitor(shelf.told[facts.event_id].visitor_id).id


def _root(shelf: Shelf, name: str) -> str:
    return shelf.visitor(shelf.holders.get(name, name)).id


def _connected(sets: list[set[str]]) -> list[set[str]]:
    groups: list[set[str]] = []
    for names in sets:
        joined = [group for group in groups if group & names]
        groups = [group for group in groups if not group & names] + [names.union(*joined)]
    return groups
