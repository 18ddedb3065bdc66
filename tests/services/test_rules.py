"""What keeps an event here, and what of it leaves: rules, sources, mappings, agreements, and their history."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from ours.core.reasons import describe
from ours.errors import Invalid, NotFound
from ours.services.audit import Audit
from ours.services.destinations.settings import MASK
from ours.services.history import History
from ours.services.rules import Governance, Rule
from ours.services.sources import Sources
from ours.services.visitors import Visitors
from ours.store.tables import attempts, dispatches, rules
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.exports import whole

REJECTED = {"condition": {"property": "visitor.consent.rejected_categories", "operator": "Contains",
                          "value": "advertising"}}  # fmt: skip
WITHDRAWN = {"consent": {"rejected_categories": ["advertising"]}}


def made(place: Place) -> list[tuple[int, str, str | None]]:
    with place.store.read() as connection:
        columns = (dispatches.c.destination_id, dispatches.c.state, dispatches.c.reason)
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(dispatches.c.id))]


def sent(receiver: Receiver) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(receiver.requests[-1].body)
    return body


def test_a_rule_that_fires_stops_the_event_for_what_it_covers_and_says_so(place: Place, receiver: Receiver) -> None:
    ads, own = place.webhook(receiver, "Ads"), place.webhook(receiver, "Own")
    Governance(place.store).add(Rule(name="Ad consent", covers=[ads], logic=REJECTED), actor="cli")
    place.track(user_properties=WITHDRAWN)
    place.work()
    assert made(place) == [(ads, "stopped", "rule:Ad consent"), (own, "delivered", None)]
    assert "“Ad consent”" in describe("rule:Ad consent").words


def test_a_rule_covers_a_category_and_what_is_added_to_it_later(place: Place, receiver: Receiver) -> None:
    Governance(place.store).add(Rule(name="Consent", covers=["advertising"], logic=REJECTED), actor="cli")
    place.webhook(receiver, "Own")
    place.webhook(receiver, "Ads", category="advertising")
    place.track(user_properties=WITHDRAWN)
    place.route.run()
    assert [(state, reason) for _, state, reason in made(place)] == [("pending", None), ("stopped", "rule:Consent")]


def test_a_rule_of_a_name_that_is_refused_by_now_holds_up_no_change_of_the_rules(place: Place) -> None:
    """All the rules are put at once: nobody could stop anything any more."""
    governance, name = Governance(place.store), "Consent\u00ad"
    old = governance.add(Rule(name="Consent", covers=["*"], logic=REJECTED), actor="cli")
    with place.store.write() as connection:
        connection.execute(sa.update(rules).values(name=name))
    governance.add(Rule(name="Second", covers=["*"], logic=REJECTED), actor="cli")
    governance.change(old.id or 0, enabled=False, actor="cli")
    assert [(rule.name, rule.enabled) for rule in governance.list()] == [(name, False), ("Second", True)]
    with pytest.raises(Invalid, match=r"take U\+00AD out"):
        governance.change(old.id or 0, name=f"{name}2", actor="cli")


def test_who_withdrew_is_heard_when_a_sign_in_shows_that_two_visitors_are_one(place: Place, receiver: Receiver) -> None:
    ads = place.webhook(receiver, "Ads")
    Governance(place.store).add(Rule(name="Ad consent", covers=[ads], logic=REJECTED), actor="cli")
    place.identify(user_id="u1", user_properties={"consent": {"accepted_categories": ["advertising"]}})
    place.identify(email_sha256="e" * 64, user_properties=WITHDRAWN)
    place.track(user_id="u1", email_sha256="e" * 64)
    place.track(user_id="u1")
    place.work()
    assert made(place) == [(ads, "stopped", "rule:Ad consent")] * 2
    assert receiver.requests == []
    visitors = Visitors(place.store, place.route, place.settings.home)
    [found] = visitors.find("u1", "userId", actor="cli")
    assert visitors.show(found.id, actor="cli").properties == WITHDRAWN
    exported = whole(visitors.export(found.id, actor="cli"))
    assert [one["properties"] for one in exported["visitors"] if not one["mergedInto"]] == [WITHDRAWN]
    assert "said" not in str(exported["visitors"])


def test_rules_are_asked_in_order_and_those_switched_off_are_not(place: Place, receiver: Receiver) -> None:
    governance = Governance(place.store)
    place.webhook(receiver)
    for name in ("First", "Second", "Third"):
        governance.add(Rule(name=name, covers=["*"], logic=REJECTED), actor="cli")
    governance.change(governance.find("First").id or 0, actor="cli", enabled=False)
    governance.move(governance.find("Third").id or 0, 1, actor="cli")
    place.track(user_properties=WITHDRAWN)
    place.route.run()
    assert made(place)[0][2] == "rule:Third"
    assert [rule.name for rule in governance.list()] == ["Third", "First", "Second"]


@pytest.mark.parametrize("name", ["Consent", "Ad consent", "Einwilligung für Werbung"])
def test_who_withdraws_before_the_delivery_is_heard(place: Place, receiver: Receiver, name: str) -> None:
    hook = place.webhook(receiver)
    Governance(place.store).add(Rule(name=name, covers=["*"], logic=REJECTED), actor="cli")
    place.destinations.pause(hook, actor="cli")
    place.track()
    place.work()
    place.identify(user_id="u1", user_properties=WITHDRAWN)
    place.work()
    place.destinations.resume(hook, actor="cli")
    place.work()
    assert made(place) == [(hook, "stopped", f"rule:{name}")]
    with place.store.read() as connection:
        assert connection.scalar(sa.select(attempts.c.code)) == f"rule:{name}"
    assert receiver.requests == []


@pytest.mark.parametrize("narrowed", ["events", "sources"])
def test_what_is_taken_off_before_the_delivery_does_not_leave(place: Place, receiver: Receiver, narrowed: str) -> None:
    other = Sources(place.store).add("Other", actor="cli").source.id
    hook = place.webhook(receiver, events=["*", "$identify"])
    place.destinations.pause(hook, actor="cli")
    place.track("Lead")
    place.identify(user_id="u1", user_properties={"first_name": "Jane"})
    place.work()
    changes: dict[str, Any] = {"events": {"events": ["Purchase", "$identify"]}, "sources": {"sources": [other]}}
    place.destinations.update(hook, seen=place.destinations.get(hook).version, **changes[narrowed], actor="cli")
    place.destinations.resume(hook, actor="cli")
    place.work()
    lead, identify = {
        "events": (("stopped", "not_allowed"), ("delivered", None)),
        "sources": (("stopped", "source_not_heard"), ("stopped", "source_not_heard")),
    }[narrowed]
    assert made(place) == [(hook, *lead), (hook, *identify)]
    assert len(receiver.requests) == (narrowed == "events")
    assert place.difference() == 0


def test_a_destination_hears_the_sources_it_listens_to(place: Place, receiver: Receiver) -> None:
    other = Sources(place.store).add("Other", actor="cli").source.id
    place.webhook(receiver, "Deaf", sources=[other])
    place.webhook(receiver, "Open")
    place.track()
    place.work()
    assert [(state, reason) for _, state, reason in made(place)] == [
        ("stopped", "source_not_heard"),
        ("delivered", None),
    ]


def test_a_renamed_event_leaves_under_its_new_name_alone(place: Place, receiver: Receiver) -> None:
    case = {
        "name": "Booking",
        "logic": {"condition": {"property": "event.event", "operator": "Is", "value": "HIV test booked"}},
        "mapping": {"$event": "Booked", "page": {"map": "{{event.default_properties.current_url}}",
                                                "modification": "DomainOnly"}, "properties": ""},
    }  # fmt: skip
    place.webhook(receiver, cases=[case])
    page = {"current_url": "https://clinic.example/hiv-test?name=jane"}
    place.track("HIV test booked", default_properties=page, event_properties={"ward": "7"})
    place.work()
    assert (sent(receiver)["type"], sent(receiver)["data"]["event"]) == ("Booked", "Booked")
    assert sent(receiver)["data"]["page"] == "https://clinic.example"
    assert b"hiv" not in receiver.requests[-1].body.lower()


def test_a_mapping_that_can_not_be_read_is_refused_with_its_place(place: Place, receiver: Receiver) -> None:
    with pytest.raises(Invalid) as refused:
        place.webhook(receiver, mapping={"a": {"map": "{{event.id}}", "modification": "Rot13"}})
    assert set(refused.value.errors) == {"mapping.a"}
    with pytest.raises(Invalid) as refused:
        place.webhook(receiver, cases=[{"name": "Odd", "logic": {}, "mapping": {"a": "{{x}}"}}])
    assert set(refused.value.errors) == {"cases.Odd.logic", "cases.Odd.a"}
    with pytest.raises(Invalid):
        place.webhook(receiver, cases=[{"name": "Twice", "logic": REJECTED}, {"name": "twice", "logic": REJECTED}])


def test_an_advertising_destination_starts_with_no_identifiers(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver, category="advertising")
    place.track(external_id="crm-7", event_properties={"value": 5})
    place.work()
    assert set(sent(receiver)["data"]) == {"id", "distinctId", "event", "occurredAt"}


def test_sensitive_fields_without_an_agreement_ask_for_somebodys_word(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver, category="advertising")
    hashed = {"em": {"map": "{{visitor.email}}", "modification": "HashedNormalized"}}
    place.destinations.update(hook, mapping=hashed, actor="cli")
    clear = hashed | {"email": "{{visitor.email}}"}
    with pytest.raises(Invalid) as refused:
        place.destinations.update(hook, mapping=clear, actor="cli")
    assert set(refused.value.errors) == {"override"}
    place.destinations.update(hook, mapping=clear, override="The lawyers said so.", actor="cli")
    entry = next(entry for entry in Audit(place.store).list() if entry.verb == "override")
    assert (entry.actor, entry.detail["fields"]) == ("cli", ["email"])
    assert entry.detail["reason"] == "The lawyers said so."
    place.destinations.update(hook, events=["Purchase"], actor="cli")  # what was accepted is not asked again
    place.destinations.update(hook, agreement="signed", mapping=clear | {"n": "{{visitor.first_name}}"}, actor="cli")
    with pytest.raises(Invalid):
        place.destinations.update(hook, agreement="none", actor="cli")


def test_a_row_of_ones_own_for_a_field_that_the_plugin_hashes_asks_for_nobodys_word(place: Place) -> None:
    settings = {"dataset_id": "123456789012345", "access_token": "a-token"}
    ads = place.destinations.add("meta", "Ads", settings, events=["*"], actor="cli")
    rows = {"email": "{{visitor.email}}", "date_of_birth": "{{visitor.date_of_birth}}", "external_id": "{{visitor.id}}"}
    case = {"name": "New", "mapping": {"phone": "{{visitor.phone_number}}"},
            "logic": {"condition": {"property": "event.event", "operator": "Is", "value": "Lead"}}}  # fmt: skip
    place.destinations.update(ads.id, mapping=rows, cases=[case], actor="cli")
    with pytest.raises(Invalid) as refused:
        place.destinations.update(ads.id, mapping=rows | {"client_ip_address": "{{visitor.ip}}"}, actor="cli")
    assert "signed: client_ip_address." in str(refused.value)


def test_what_a_plugin_itself_lets_out_in_clear_asks_for_somebodys_word_too(place: Place, receiver: Receiver) -> None:
    settings = {"site_id": "a-site", "api_key": "a-key"}
    with pytest.raises(Invalid, match="no agreement with it is signed: id, email"):
        place.destinations.add("customerio", "C", settings, events=["*"], actor="cli")
    silent = {"id": "", "email": {"map": "{{visitor.email}}", "modification": "HashedNormalized"}}
    place.destinations.add("customerio", "Hashed", settings, events=["*"], mapping=silent, actor="cli")
    known = place.destinations.add("customerio", "C", settings, events=["*"], override="All agreed.", actor="cli")
    place.destinations.update(known.id, events=["Purchase"], actor="cli")  # what was accepted is not asked again
    hook = place.webhook(receiver)
    with pytest.raises(Invalid, match="userId, externalId, properties"):
        place.destinations.update(hook, category="crm", actor="cli")
    place.destinations.update(hook, category="crm", agreement="signed", actor="cli")


def test_a_row_for_a_field_that_the_plugin_hashes_lets_nothing_out_in_clear(place: Place) -> None:
    settings = {"event_source_id": "CABCDEFGHIJ", "access_token": "a-token"}
    phone = {"phone": "{{visitor.custom_properties.mobile}}"}
    case = {"name": "Big", "logic": {"condition": {"property": "event.event", "operator": "Is", "value": "A"}}}
    given = {"events": ["*"], "mapping": phone, "actor": "cli"}
    place.destinations.add("tiktok", "T", settings, cases=[case | {"mapping": phone}], **given)
    clear = {"locale": "{{visitor.custom_properties.language}}"}
    with pytest.raises(Invalid, match="Big: locale"):
        place.destinations.add("tiktok", "U", settings, cases=[case | {"mapping": clear}], **given)


def test_every_change_is_a_version_that_can_be_compared_and_brought_back(place: Place, receiver: Receiver) -> None:
    history = History(place.store, place.registry)
    hook = place.webhook(receiver, mapping={"a": "{{event.id}}"})
    secret = {"secret": "whsec_" + "a" * 32}
    place.destinations.update(hook, mapping={"a": "{{event.event}}"}, settings=secret, why="Names", actor="cli")
    place.destinations.update(hook, events=["Purchase"], actor="cli")
    subject = history.subject("Hook")
    assert [(one.number, one.verb, one.actor, one.why) for one in history.list(subject)] == [
        (3, "update", "cli", ""), (2, "update", "cli", "Names"), (1, "add", "cli", "")
    ]  # fmt: skip
    told = {one.path: (one.kind, one.old, one.new) for one in history.diff(subject, 1, 2)}
    assert told["mapping.a"] == ("changes", "{{event.id}}", "{{event.event}}")
    assert told["settings.secret"][::2] == ("appears", MASK)
    assert "a" * 32 not in repr(history.show(subject, 2))
    back = history.roll_back(subject, 1, actor="cli")
    assert (back.number, back.verb) == (4, "roll_back")
    assert place.destinations.get(hook).mapping == {"a": "{{event.id}}"}
    assert place.destinations.get(hook).events == ("*",)
    assert history.diff(subject, 1) == []
    with pytest.raises(NotFound):
        history.show(subject, 9)


def test_a_key_in_an_address_is_masked_in_the_history_too(place: Place, receiver: Receiver) -> None:
    history = History(place.store, place.registry)
    hook = place.webhook(receiver)
    subject = history.subject("Hook")
    for key in ("opensesame-1", "opensesame-2"):
        place.destinations.update(hook, settings={"url": f"{receiver.url}?api_key={key}"}, actor="cli")
    shown = [history.show(subject, 2).document["settings"], history.diff(subject, 1, 2), history.diff(subject, 2, 3)]
    assert shown[0]["url"] == f"{receiver.url}?api_key={MASK}"
    assert "opensesame" not in repr(shown)
    assert [(one.path, one.new) for one in shown[2]] == [("settings.url", f"{MASK} (changed)")]


def test_a_removed_destinations_versions_keep_no_settings(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    place.destinations.remove(hook, actor="cli")
    assert receiver.url not in repr(History(place.store, place.registry).show(f"destination {hook}", 1))


def test_the_audit_log_says_which_rule_was_added_changed_and_removed(place: Place) -> None:
    rules = Governance(place.store)
    kept = rules.add(Rule(name="Consent", covers=["*"], logic=REJECTED), actor="cli", why="By law")
    gone = rules.add(Rule(name="Refunds", covers=["*"], logic=REJECTED), actor="cli")
    rules.change(kept.id or 0, covers=["crm"], actor="cli")
    rules.remove(gone.id or 0, actor="cli")
    entries = [one for one in Audit(place.store).list() if one.subject == "governance"]
    assert [one.detail for one in reversed(entries)] == [
        {"added": ["Consent"], "rules": ["Consent"], "version": 1, "why": "By law"},
        {"added": ["Refunds"], "rules": ["Consent", "Refunds"], "version": 2},
        {"changed": ["Consent"], "rules": ["Consent", "Refunds"], "version": 3},
        {"removed": ["Refunds"], "rules": ["Consent"], "version": 4},
    ]


def test_of_rules_that_are_added_at_once_none_is_dropped(place: Place) -> None:
    rules = Governance(place.store)
    names = [f"Rule {number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as many:
        list(many.map(lambda name: rules.add(Rule(name=name, covers=["*"], logic=REJECTED), actor="cli"), names))
    assert sorted(rule.name for rule in rules.list()) == names
    assert rules.version() == len(names)


def test_rules_have_a_history_too(place: Place) -> None:
    governance, history = Governance(place.store), History(place.store, place.registry)
    governance.add(Rule(name="One", covers=["*"], logic=REJECTED), actor="cli")
    governance.remove(governance.find("One").id or 0, actor="cli")
    history.roll_back("governance", 1, actor="cli")
    assert [rule.name for rule in governance.list()] == ["One"]
    assert [one.verb for one in history.list("governance")] == ["roll_back", "remove_rule", "add_rule"]


@pytest.mark.parametrize(
    ("changes", "place_of_fault"),
    [({"covers": [99]}, "covers"), ({"logic": {"AND": []}}, "logic.AND"), ({"name": "x" * 81}, "name")],
    ids=["covers", "logic", "name"],
)
def test_a_rule_that_can_not_work_is_refused(place: Place, changes: dict[str, Any], place_of_fault: str) -> None:
    with pytest.raises(Invalid) as refused:
        Governance(place.store).add(Rule(**{"name": "Odd", "covers": ["*"], "logic": REJECTED} | changes), actor="cli")
    assert set(refused.value.errors) == {place_of_fault}
