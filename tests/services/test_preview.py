"""What a change would do, before it is made; and what led to what was done."""

import time
from typing import Any

import pytest
import sqlalchemy as sa
from marshmallow import Schema, fields
from requests import Request

from ours import clock
from ours.core.incoming import Incoming
from ours.errors import Invalid, NotFound
from ours.plugin import Batching, Delivery
from ours.plugin import Destination as Plugin
from ours.services.deliver.tries import MOST_BYTES
from ours.services.explain import Explain
from ours.services.preview import Preview
from ours.services.preview.judging import Side
from ours.services.rules import Governance, Rule
from ours.services.rules.allow import Allow
from ours.services.rules.checking import Check
from ours.store.tables import dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.test_rules import REJECTED, WITHDRAWN

SECRET = "whsec_" + "c2VjcmV0IG9mIHRlc3RzIG9mIHNlY3JldHM="


@pytest.fixture
def preview(place: Place) -> Preview:
    return Preview(place.store, place.registry)


@pytest.fixture
def explain(place: Place) -> Explain:
    return Explain(place.store, place.registry)


def test_a_change_is_told_field_by_field(place: Place, preview: Preview, receiver: Receiver) -> None:
    hook = place.webhook(receiver, events=["Purchase"])
    place.track(event_properties={"value": 5, "email": "jane@example.com"})
    place.track("Refund")
    place.work()
    mapping = {
        "properties": "",
        "amount": "{{event.event_properties.value}}",
        "mail": "{{event.event_properties.email}}",
    }
    report = preview.destination(hook, mapping=mapping)
    assert (report.events, report.counts, report.changed) == (2, {"changes": 1, "stays": 1}, 1)
    told = {one.path: (one.kind, one.new) for one in report.effects[0].differences if one.kind == "appears"}
    assert told == {"body.data.amount": ("appears", 5), "body.data.mail": ("appears", "j•••@e•••.com")}
    assert place.destinations.get(hook).mapping == {}


def test_requests_appear_and_vanish_with_the_allow_list(place: Place, preview: Preview, receiver: Receiver) -> None:
    hook = place.webhook(receiver, events=["Purchase"])
    place.track()
    place.track("Refund")
    place.work()
    report = preview.destination(hook, events=["Refund"])
    assert report.counts == {"appears": 1, "vanishes": 1}
    assert {(one.event, one.old, one.new) for one in report.effects} == {
        ("Refund", "not_allowed", None), ("Purchase", None, "not_allowed")
    }  # fmt: skip


def test_a_rule_is_tried_before_it_is_switched_on(place: Place, preview: Preview, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track(user_properties=WITHDRAWN)
    place.track(user_id="u2")
    place.work()
    report = preview.governance([Rule(name="Consent", covers=["*"], logic=REJECTED)])
    assert report.counts == {"vanishes": 1, "stays": 1}
    assert report.effects[0].new == "rule:Consent"
    assert Governance(place.store).list() == []


def test_a_rule_that_stops_nothing_more_has_nothing_built(
    place: Place, preview: Preview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many destinations that took half a minute."""
    place.webhook(receiver)
    place.track()
    place.work()
    monkeypatch.setattr(Side, "tried", None)
    report = preview.governance([Rule(name="Consent", covers=["*"], logic=REJECTED)])
    assert report.counts == {"stays": 1}


def test_who_has_no_time_is_told_of_how_many_it_speaks(place: Place, preview: Preview, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.destinations.turn_off(hook, actor="cli")
    for _ in range(3):
        place.track()
    place.work()
    for report in (
        preview.governance([], seconds=-1),
        preview.destination(hook, seconds=-1, events=[]),
        preview.turning_on(hook, seconds=-1),
    ):
        assert (report.events, report.of, report.destinations) == (1, 3, 1)
    assert preview.turning_on(hook).events == 3


def test_no_secret_is_told(place: Place, preview: Preview, receiver: Receiver) -> None:
    settings = {"url": receiver.url + "/?token=abcdef", "headers": {"X-Team": "hush-hush"}}
    hook = place.destinations.add("webhook", "Hook", settings, events=["*"], actor="cli").id
    place.track()
    place.work()
    report = preview.destination(hook, settings={"headers": {"X-Team": "other-hush"}, "secret": SECRET})
    assert "hush" not in repr(report)
    assert "abcdef" not in repr(preview.destination(hook, settings={"method": "PUT"}))


def test_a_version_that_forgot_what_is_secret_tells_none(place: Place, preview: Preview, receiver: Receiver) -> None:
    class Forgetful(Plugin):
        slug = "webhook"
        label = "Forgetful"

        class Settings(Schema):
            url = fields.String()
            secret = fields.String()

        def build(self, delivery: Delivery) -> Request:
            return Request("POST", delivery.settings["url"], json={"with": delivery.settings["secret"]})

    hook = place.destinations.add(
        "webhook", "Hook", {"url": receiver.url, "secret": SECRET}, events=["*"], actor="cli"
    ).id
    place.track()
    place.work()
    report = preview.plugin(hook, Forgetful())
    assert report.counts == {"changes": 1}
    assert "body.with" in {one.path for one in report.effects[0].differences}
    assert SECRET.removeprefix("whsec_") not in repr(report)


def test_a_change_that_can_not_be_made_can_not_be_tried(place: Place, preview: Preview, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    with pytest.raises(Invalid):
        preview.destination(hook, mapping={"a": "{{nope}}"})


def test_whom_one_event_is_about_is_masked_in_what_would_be_sent(
    place: Place, preview: Preview, receiver: Receiver
) -> None:
    hook = place.webhook(receiver, mapping={"to": "{{visitor.email}}"}, override="They asked")
    ada = {"email": "ada@example.com"}
    event_id = place.track(event_properties={"patient_name": "Ada", "plan": "gold"}, user_properties=ada).event_id
    place.work()
    masked = preview.event(event_id, hook)
    assert masked.fields == (preview.event(event_id, hook, clear=True).fields or {}) | {
        "properties": {"patient_name": "A•••", "plan": "gold"},
        "to": "a•••@e•••.com",
    }
    assert masked.request
    assert masked.request["body"]["data"]["to"] == "a•••@e•••.com"
    assert "Ada" not in str(masked)


def test_one_event_is_tried_on_a_destination(place: Place, preview: Preview, receiver: Receiver) -> None:
    hook = place.webhook(receiver, events=[])
    event_id = place.track().event_id
    place.work()
    assert preview.event(event_id, hook).reason == "not_allowed"
    verdict = preview.event(event_id, hook, events=["*"])
    assert verdict.request is not None
    assert verdict.request["body"]["data"]["event"] == "Purchase"
    assert receiver.requests == []
    with pytest.raises(NotFound):
        preview.event("0" * 32, hook)


class Choosy(Plugin):
    """Takes what happened in the last hour, and makes as much of it as it is told to."""

    slug = "webhook"
    label = "Choosy"
    max_age = 3600.0

    class Settings(Schema):
        url = fields.String()
        size = fields.Integer(load_default=1)

    def build(self, delivery: Delivery) -> Request:
        return Request("POST", delivery.settings["url"], data=b"x" * delivery.settings["size"])


class InGroups(Choosy):
    batching = Batching(max_items=10)

    def item(self, delivery: Delivery) -> Any:
        return {"id": delivery.id}

    def pack(self, items: Any, settings: Any) -> Request:
        return Request("POST", settings["url"], json=items)

    def group(self, delivery: Delivery) -> str:
        return str(delivery.fields["team"])


@pytest.mark.parametrize(
    ("plugin", "hours", "size", "reason"),
    [
        (Choosy, 0, 1, None),
        (Choosy, 2, 1, "too_old"),
        (Choosy, 0, MOST_BYTES + 1, "request_too_large"),
        (InGroups, 0, 1, "build_failed"),
    ],
)
def test_what_delivery_would_not_send_is_not_said_to_be_sent(
    place: Place, receiver: Receiver, plugin: type[Choosy], hours: int, size: int, reason: str | None
) -> None:
    place.load_only(plugin())
    hook = place.destinations.add("webhook", "Hook", {"url": receiver.url, "size": size}, events=["*"], actor="cli").id
    event_id = place.track(occurred_at=clock.now_ms() - hours * clock.HOUR).event_id
    assert place.route.run() == 1
    assert Preview(place.store, place.registry).event(event_id, hook).reason == reason
    place.work()
    with place.store.read() as connection:
        assert connection.scalar(sa.select(dispatches.c.reason)) == reason


def test_a_thousand_events_are_compared_in_seconds(place: Place, preview: Preview, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    items = [
        Incoming(name=f"Event {number % 7}", occurred_at=clock.now_ms(), user_id=f"u{number % 50}",
                 event_properties={f"field_{field}": field for field in range(20)})
        for number in range(1000)
    ]  # fmt: skip
    place.accept.accept(place.callers["live"], items)
    while place.route.run():
        pass
    began = time.process_time()
    report = preview.destination(hook, mapping={"day": "{{event.time}}"})
    assert report.counts == {"changes": 1000}
    assert time.process_time() - began < 5


def test_a_dispatch_is_explained_row_by_row(place: Place, explain: Explain, receiver: Receiver) -> None:
    mapping = {"mail": {"map": "{{visitor.email}}", "modification": "HashedNormalized"},
               "who": "{{visitor.first_name}}", "city": "{{visitor.city}}", "properties": ""}  # fmt: skip
    hook = place.webhook(receiver, events=["purchase"], mapping=mapping)
    event_id = place.track(user_properties={"email": "jane@example.com", "first_name": "Jane"}).event_id
    place.work()
    place.destinations.update(hook, mapping={"now": "{{event.id}}"}, actor="cli")
    (chain,) = explain.event(event_id)
    assert (chain.state, chain.version, chain.then, chain.case) == ("delivered", 1, True, None)
    assert [(step.name, step.good) for step in chain.steps] == [
        ("Allow list", True), ("Sources", True), ("Governance", True), ("Delivery", True)
    ]  # fmt: skip
    rows = {row.field: row for row in chain.fields}
    assert (rows["mail"].taken, rows["mail"].value, rows["mail"].layer) == ("j•••@e•••.com", "8c87b489…", "destination")
    assert (rows["who"].value, rows["city"].given, rows["event"].layer) == ("J•••", False, "plugin")
    assert "now" not in rows
    assert explain.either(chain.dispatch_id or "")[0] == chain


def test_what_stopped_an_event_is_explained(place: Place, explain: Explain, receiver: Receiver) -> None:
    place.webhook(receiver, "Ads")
    place.webhook(receiver, "Nothing", events=[])
    Governance(place.store).add(Rule(name="Consent", covers=["*"], logic=REJECTED), actor="cli")
    event_id = place.track(user_properties=WITHDRAWN).event_id
    place.work()
    ads, nothing = explain.event(event_id)
    assert next(step.words for step in ads.steps if not step.good) == "The governance rule “Consent” stopped it."
    assert (nothing.dispatch_id, nothing.reason, nothing.steps[0].good) == (None, "not_allowed", False)
    with pytest.raises(NotFound):
        explain.either("0" * 32)


def test_where_a_field_goes_is_found(place: Place, explain: Explain, receiver: Receiver) -> None:
    case: dict[str, Any] = {"name": "Sale", "logic": REJECTED, "mapping": {"m": "{{visitor.email}}"}}
    place.webhook(
        receiver, "One", mapping={"mail": {"map": "Dear {{visitor.email}}", "modification": "Hash"}}, cases=[case]
    )
    place.webhook(receiver, "Other")
    place.track(user_properties={"email": "jane@example.com"})
    place.track(user_id="u2")
    place.work()
    uses = explain.field("{{visitor.email}}")
    assert [(use.destination, use.layer, use.field, use.modification, use.delivered) for use in uses] == [
        ("One", "destination", "mail", "Hash", 1), ("One", "Sale", "m", "None", 0)
    ]  # fmt: skip
    assert {use.destination for use in explain.field("event.event_properties.value")} == {"One", "Other"}
    assert explain.field("visitor.phone_number") == []


def test_a_path_that_leads_nowhere_in_all_events_is_flagged(place: Place, receiver: Receiver) -> None:
    check = Check(place.store, place.registry)
    typo = {"condition": {"property": "visitor.consent.rejectd", "operator": "IsTruthy", "value": ""}}
    case = {"name": "C", "logic": {"NOT": typo}, "mapping": {"c": "{{visitor.city}}", "d": "{{event.event}}"}}
    mapping = {"v": "{{event.event_properties.valeu}}", "e": "{{event.event_properties.value}}"}
    place.webhook(receiver, mapping=mapping, cases=[case])
    Governance(place.store).add(Rule(name="Typo", covers=["*"], logic={"NOT": typo}), actor="cli")
    assert check.run() == []
    place.track(event_properties={"value": 5})
    place.work()
    assert [(one.place, one.path) for one in check.run()] == [
        ("governance: Typo", "visitor.consent.rejectd"), ("Hook: v", "event.event_properties.valeu"),
        ("Hook: C (condition)", "visitor.consent.rejectd"), ("Hook: C: c", "visitor.city"),
    ]  # fmt: skip


def test_new_names_are_offered_with_their_counts(place: Place, receiver: Receiver) -> None:
    allow = Allow(place.store, place.registry)
    hook = place.webhook(receiver, events=["Purchase"])
    for name in ("Refund", "refund", "Purchase"):
        place.track(name)
    assert [(one.name.casefold(), one.count) for one in allow.unlisted()] == [("refund", 2)]
    allow.add("Refund", [hook], actor="cli")
    assert set(place.destinations.get(hook).events) == {"Purchase", "Refund"}
    assert allow.unlisted() == []
    allow.remove("REFUND", [hook], actor="cli")
    assert place.destinations.get(hook).events == ("Purchase",)
    with pytest.raises(Invalid):
        allow.remove("Refund", [hook], actor="cli")
    allow.add("*", [hook], actor="cli")
    with pytest.raises(Invalid):
        allow.add("Refund", [hook], actor="cli")


def test_governance_is_explained_by_the_rules_of_that_time(place: Place, explain: Explain, receiver: Receiver) -> None:
    place.webhook(receiver)
    rules = Governance(place.store)
    logic = {"condition": {"property": "event.event", "operator": "Is", "value": "Never"}}

    def said(event_id: str) -> str:
        time.sleep(0.002)  # a change of the same millisecond counts as before
        return explain.event(event_id)[0].steps[2].words

    def delivered() -> str:
        event_id = place.track().event_id
        place.work()
        return event_id

    early = delivered()
    assert said(early) == "No rule covered this destination."
    made = rules.add(Rule(name="Consent", covers=["*"], logic=logic), actor="cli")
    event_id = delivered()
    assert said(event_id) == "The one rule that covered it did not stop it."
    rules.remove(made.id or 0, actor="cli")
    assert said(event_id) == "The one rule that covered it did not stop it."
    logic["condition"] |= {"operator": "IsNot"}
    rules.add(Rule(name="Later", covers=["*"], logic=logic), actor="cli")
    assert said(early) == "No rule covered this destination. Today “Later” would."


def test_governance_is_explained_by_the_category_of_that_time(
    place: Place, explain: Explain, receiver: Receiver
) -> None:
    hook = place.webhook(receiver, category="crm", agreement="signed")
    logic = {"condition": {"property": "event.event", "operator": "Is", "value": "Never"}}
    Governance(place.store).add(Rule(name="Consent", covers=["crm"], logic=logic), actor="cli")
    event_id = place.track().event_id
    place.work()
    place.destinations.update(hook, category="infrastructure", actor="cli")
    assert explain.event(event_id)[0].steps[2].words == "The one rule that covered it did not stop it."
