"""Where an event goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ours.core import logic, ranges, routing
from ours.core.allow import ALL, name_key
from ours.core.governance import Rule
from ours.core.incoming import Kind
from ours.core.routing import Gate, Plan, Planned, Planner, plan

GATES = st.lists(
    st.builds(
        Gate,
        destination_id=st.integers(1, 1000),
        status=st.sampled_from(["on", "paused", "off"]),
        plugin_present=st.booleans(),
        allowed=st.sets(st.sampled_from([ALL, name_key("Purchase"), name_key("$identify")])),
        breaker_open=st.booleans(),
        sources=st.none() | st.frozensets(st.integers(1, 2)),
        category=st.sampled_from(["", "ads"]),
    ),
    unique_by=lambda gate: gate.destination_id,
    max_size=8,
)


def gate(number: int, **changed: object) -> Gate:
    values = {"status": "on", "plugin_present": True, "allowed": {ALL}} | changed
    return Gate(number, **values)  # type: ignore[arg-type]


def test_a_destination_that_is_on_gets_a_dispatch_that_waits() -> None:
    assert plan("Purchase", "track", "live", [gate(1)]) == Plan(1, "", [Planned(1, "pending")])


def test_an_event_that_is_not_listed_is_refused_and_still_owed() -> None:
    assert plan("Purchase", "track", "live", [gate(1, allowed=())]) == Plan(1, "1", [])


def test_paused_and_orphaned_destinations_keep_their_backlog_and_off_ones_stop() -> None:
    gates = [gate(1, status="paused"), gate(2, plugin_present=False), gate(3, status="off")]
    assert plan("Purchase", "track", "live", gates).dispatches == [
        Planned(1, "held", "destination_paused"),
        Planned(2, "held", "plugin_missing"),
        Planned(3, "stopped", "destination_off"),
    ]


def test_behind_an_open_breaker_it_waits_unless_something_else_keeps_it() -> None:
    gates = [
        gate(1, breaker_open=True),
        gate(2, breaker_open=True, status="paused"),
        gate(3, breaker_open=True, status="off"),
    ]
    assert plan("Purchase", "track", "live", gates).dispatches == [
        Planned(1, "held", "breaker_open"),
        Planned(2, "held", "destination_paused"),
        Planned(3, "stopped", "destination_off"),
    ]


def test_an_identify_is_owed_only_where_it_is_listed() -> None:
    listed = gate(2, allowed={name_key("$identify")})
    assert plan("$identify", "identify", "live", [gate(1), listed]) == Plan(1, "", [Planned(2, "pending")])


@given(GATES)
def test_every_destination_gets_exactly_one_decision(gates: list[Gate]) -> None:
    made = plan("Purchase", "track", "live", gates)
    decided = ranges.read(made.refused) + [dispatch.destination_id for dispatch in made.dispatches]
    assert sorted(decided) == sorted(gate.destination_id for gate in gates)
    assert made.owed == len(gates)


@given(GATES, st.sampled_from([("Purchase", "track"), ("$identify", "identify")]))
def test_both_modes_take_the_same_road(gates: list[Gate], event: tuple[str, str]) -> None:
    assert plan(*event, "live", gates) == plan(*event, "test", gates)  # type: ignore[arg-type]


@given(GATES)
def test_whatever_does_not_simply_wait_says_why(gates: list[Gate]) -> None:
    for dispatch in plan("Purchase", "track", "live", gates).dispatches:
        assert (dispatch.reason is None) == (dispatch.state == "pending")


NEVER_MIND = logic.read({"condition": {"property": "event.event", "operator": "Is", "value": "x"}})
RULES = [Rule(name, covers, NEVER_MIND) for name in ("a", "b") for covers in (frozenset({1}), frozenset({"ads"}))]
EVENT = st.tuples(
    st.sampled_from([("Purchase", "track"), ("$identify", "identify"), ("$identify", "track"), ("Refund", "track")]),
    st.sampled_from([None, 1, 2, 3]),
    st.lists(st.sampled_from(RULES), max_size=2),
)


@given(GATES, st.lists(EVENT, max_size=8))
def test_events_that_are_planned_together_go_where_each_would_go_alone(
    gates: list[Gate], events: list[tuple[tuple[str, Kind], int | None, list[Rule]]]
) -> None:
    planner = Planner(gates)
    for (name, kind), source, fired in events:
        alone = plan(name, kind, "live", gates, source_id=source, fired=fired)
        assert planner.plan(name, kind, "live", source, fired) == alone


def test_events_that_are_alike_are_decided_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(routing, "_planned", lambda gate: asked.append(gate.destination_id) or Planned(1, "pending"))
    planner = Planner([gate(number) for number in range(100)])
    for _ in range(50):
        planner.plan("Purchase", "track", "live", 1, [])
    assert len(asked) == 100
