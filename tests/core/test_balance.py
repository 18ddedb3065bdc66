"""The conservation law in figures."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ours.core import ranges
from ours.core.allow import ALL, name_key
from ours.core.balance import Figures, balance
from ours.core.retry import OPEN, TERMINAL
from ours.core.routing import Gate, plan

STATES = sorted(OPEN | TERMINAL)


def test_what_is_not_routed_counts_as_pending_and_what_was_refused_as_stopped() -> None:
    states = {"delivered": 14, "stopped": 2}
    told = balance(Figures(accepted=12, owed=20, refused=5, replays=1, unrouted=2, destinations=3, states=states))
    assert (told.expected, told.pending, told.stopped, told.delivered) == (27, 6, 7, 14)
    assert told.difference == 0


def test_a_lost_dispatch_shows() -> None:
    figures = Figures(accepted=1, owed=2, refused=0, replays=0, unrouted=0, destinations=2, states={"delivered": 1})
    assert balance(figures).difference == 1


def test_a_dispatch_made_twice_shows() -> None:
    figures = Figures(accepted=1, owed=1, refused=0, replays=0, unrouted=0, destinations=1, states={"sunk": 2})
    assert balance(figures).difference == -1


@given(
    st.lists(st.sampled_from(["Purchase", "Refund", "Signup"]), max_size=20),
    st.lists(st.sets(st.sampled_from([ALL, name_key("Purchase"), name_key("Refund")])), max_size=5),
    st.integers(0, 20),
    st.data(),
)
def test_it_balances_whatever_was_routed_so_far_and_however_it_ended(
    names: list[str], lists: list[set[str]], routed: int, data: st.DataObject
) -> None:
    gates = [Gate(number, "on", True, allowed) for number, allowed in enumerate(lists)]
    plans = [plan(name, "track", "live", gates) for name in names[:routed]]
    dispatches = [dispatch for made in plans for dispatch in made.dispatches]
    states = Counter(data.draw(st.sampled_from(STATES)) for _ in dispatches)
    figures = Figures(
        accepted=len(names),
        owed=sum(made.owed for made in plans),
        refused=sum(len(ranges.read(made.refused)) for made in plans),
        replays=0,
        unrouted=len(names[routed:]),
        destinations=len(gates),
        states=states,
    )
    assert balance(figures).difference == 0
    assert balance(figures).expected == len(names) * len(gates)
