"""What two people, or two programs, change at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
import sqlalchemy as sa

from ours import registry
from ours.errors import Changed, Invalid, NotFound
from ours.services.apply import Configuration, Plan, load
from ours.services.apply.destinations import DestinationsSection
from ours.services.apply.governance import GovernanceSection
from ours.services.apply.sources import SourcesSection
from ours.services.audit import Audit
from ours.services.destinations import Destinations
from ours.services.rules import Governance, Rule
from ours.services.sources import Sources
from ours.settings import Settings
from ours.store import Store
from ours.store.tables import destinations as table
from ours.store.tables import dispatches

HOOK = {"url": "https://example.com/hook", "secret": "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"}
Act = Callable[[str], Any]


@pytest.fixture
def destinations(store: Store, make_settings: Callable[..., Settings]) -> Destinations:
    return Destinations(store, registry.load(make_settings()))


def adds_a_source(sources: Sources) -> Act:
    return lambda name: sources.add(name, actor="cli")


def adds_a_destination(destinations: Destinations) -> Act:
    return lambda name: destinations.add("webhook", name, HOOK, events=[], actor="cli")


def renames_a_destination(destinations: Destinations) -> Act:
    other = destinations.add("webhook", "Another", HOOK, events=[], actor="cli")
    return lambda name: destinations.update(other.id, name=name, actor="cli")


def only_one_has_it(store: Store, first: Act, second: Act) -> None:
    """``second`` takes the name while ``first`` has taken it, and has not committed yet."""
    with ThreadPoolExecutor(1) as pool:
        with store.whole():
            first("Shop")
            late = pool.submit(second, "SHOP")
            wait([late], 0.3)  # long enough to see one that does not wait
        with pytest.raises(Invalid, match='"Shop" exists already'):
            late.result()


def test_of_two_sources_added_at_once_one_has_the_name(store: Store) -> None:
    adds = adds_a_source(Sources(store))
    only_one_has_it(store, adds, adds)


def test_of_two_destinations_added_at_once_one_has_the_name(store: Store, destinations: Destinations) -> None:
    adds = adds_a_destination(destinations)
    only_one_has_it(store, adds, adds)


def test_of_two_destinations_one_added_and_one_renamed_at_once_one_has_the_name(
    store: Store, destinations: Destinations
) -> None:
    only_one_has_it(store, adds_a_destination(destinations), renames_a_destination(destinations))


TWO = """
ours: 1
destinations:
  B: {type: file, settings: {folder: /tmp/b}, events: [Lead], limits: {rate_limit: 5}}
  A: {type: file, settings: {folder: /tmp/a}, events: [Lead], limits: {rate_limit: 5}}
governance:
  - {name: Mine, covers: [A], logic: {condition: {property: event.event, operator: Is, value: x}}}
"""


@pytest.fixture
def governance(store: Store) -> Governance:
    return Governance(store)


@pytest.fixture
def plan(store: Store, destinations: Destinations) -> Plan:
    """Of a file that names what there is in another order than that of the ids."""
    for name in ("A", "B"):
        destinations.add("file", name, {"folder": f"/tmp/{name.lower()}"}, events=["Lead"], actor="cli")
    return planned(store, destinations, TWO)


def planned(store: Store, destinations: Destinations, text: str) -> Plan:
    sources, governance = Sources(store), Governance(store)
    places = DestinationsSection(destinations, sources, destinations._registry, Audit(store))
    sections = [SourcesSection(sources), places, GovernanceSection(governance, destinations)]
    return Configuration(store, sections).plan(load(text), {})


def test_a_plan_and_routing_do_not_wait_for_each_other(store: Store, plan: Plan) -> None:
    """Routing holds the destinations by their ids, each after the other."""
    held = [sa.select(table.c.id).where(table.c.id == one).with_for_update(read=True) for one in (1, 2)]
    with ThreadPoolExecutor(1) as pool:
        with store.write() as connection:
            connection.execute(held[0]).all()
            making = pool.submit(plan.make, "cli")
            wait([making], 0.5)  # long enough for one that begins with the second
            connection.execute(held[1]).all()
        making.result()


def test_a_rule_that_was_added_since_the_plan_was_shown_stays(plan: Plan, governance: Governance) -> None:
    logic = {"condition": {"property": "event.event", "operator": "Is", "value": "y"}}
    governance.add(Rule(name="Theirs", covers=["*"], logic=logic), actor="cli")
    with pytest.raises(Changed, match="nothing was applied"):
        plan.make("cli")
    assert [rule.name for rule in governance.list()] == ["Theirs"]


def test_a_destination_that_was_changed_since_the_plan_was_shown_is_not_overwritten(
    plan: Plan, destinations: Destinations
) -> None:
    destinations.update(1, events=["Purchase"], actor="cli")
    with pytest.raises(Changed, match="nothing was applied"):
        plan.make("cli")
    assert list(destinations.get(1).events) == ["Purchase"]
    assert destinations.get(2).limits.rate_limit is None  # it stands first in the file


def test_a_rule_over_a_destination_that_was_removed_since_is_refused(plan: Plan, destinations: Destinations) -> None:
    destinations.update(1, name="C", actor="cli")
    with pytest.raises(Changed, match="nothing was applied"):
        plan.make("cli")


def test_a_rule_that_somebody_removed_meanwhile_is_not_changed(governance: Governance) -> None:
    with pytest.raises(NotFound):
        governance.change(7, note="x", actor="cli")
    assert governance.version() == 0


def test_a_plan_that_pauses_a_destination_leaves_its_backlog_to_the_sweep(
    store: Store, destinations: Destinations, plan: Plan
) -> None:
    """It may be long, and a plan is one transaction, which whoever stores or routes an event waits for."""
    plan.make("cli")
    with store.write() as connection:
        for number in range(3):
            values = {"id": f"{number:032x}", "event_id": f"{number:032x}", "destination_id": 1, "mode": "live",
                      "state": "pending", "due_at": 5, "attempts": 0, "created_at": 1, "updated_at": 1}  # fmt: skip
            connection.execute(sa.insert(dispatches).values(values))
    planned(store, destinations, TWO.replace("A: {type: file,", "A: {type: file, status: paused,")).make("cli")
    assert destinations.get(1).status == "paused"
    assert destinations.settle_strays() == 3
