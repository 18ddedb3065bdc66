"""docs/api.md names every field that is answered, and none that is not."""

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.services.tokens import SCOPES
from ours.store.queries import refusals
from ours.store.queries.refusals import Refused
from tests.web.admin.conftest import Call

_API = Path(__file__).parents[3] / "docs/api.md"


@pytest.fixture
def named() -> Mapping[str, tuple[set[str], set[str]]]:
    """Of each thing, the fields that are always there, and those that are there at times."""
    _, _, rest = _API.read_text("utf-8").partition("## Answers")
    rows = [line.strip("| \n").split(" | ") for line in rest.partition("## Errors")[0].splitlines() if "`" in line]
    return {
        row[0]: (set(re.findall(r"`(\w+)`", row[1])), set(re.findall(r"`\[(\w+)\]`", row[1])))
        for row in rows
        if len(row) == 2
    }


@pytest.fixture
def owed(here: Ours) -> str:
    """An event that two destinations may have, one of them on and one with an allow list that is empty."""
    for name, events in (("One", ["*"]), ("None", [])):
        here.destinations.add("webhook", name, {"url": "http://127.0.0.1:9"}, events=events, actor="cli")
    caller = here.accept.authenticate(here.sources.add("Shop", actor="cli").test_key)
    assert caller
    item = Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id="u1")
    found = here.accept.accept(caller, [item])[0].event_id
    while here.route.run():
        pass
    return found


def test_every_field_of_an_answer_is_documented_and_every_documented_one_answered(
    program: Callable[..., Call], here: Ours, named: Mapping[str, tuple[set[str], set[str]]], owed: str
) -> None:
    call = program(*SCOPES)
    page = call("GET", "/events").json
    event, found = call("GET", f"/events/{owed}").json, call("POST", "/visitors/find", json={"identifier": "u1"}).json
    path = f"/dispatches/{next(one['id'] for one in event['dispatches'] if one['id'])}"
    here.deliver.drain(threading.Event(), 10)
    dispatch = call("GET", path).json
    with here.store.write() as connection:
        refusals.add(connection, [Refused(1, "live", "rate_limited", "", "r1", clock.now_ms(), 1)])
    answers = {
        "a source": [*call("GET", "/sources").json, call("POST", "/sources", json={"name": "New"}).json],
        "a reason for refusals": call("GET", "/sources/1/refusals").json,
        "a new key": [call("POST", "/sources/1/rotate", json={"mode": "live"}).json],
        "a destination": call("GET", "/destinations").json,
        "a page of events": [page],
        "an event on a page": page["events"],
        "an event": [event],
        "a dispatch of an event": event["dispatches"],
        "a dispatch": [dispatch],
        "an attempt": dispatch["attempts"],
        "a replay": [call("POST", f"{path}/replay").json],
        "a visitor found": found,
        "a visitor": [call("GET", f"/visitors/{found[0]['id']}").json],
        "an entry of the audit log": call("GET", "/audit").json,
    }
    assert named.keys() - answers.keys() == {"a confirmed dispatch"}
    volume = {"received", "duplicate", "rejected"}
    for thing, many in answers.items():
        always, at_times = named[thing]
        assert many, thing
        for one in many:
            assert one.keys() - at_times == always - (volume if thing == "a source" else set()), thing
