"""What may leave, edited in the dashboard: without a script, and tried on real events before it is applied."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from ours.bootstrap import Ours
from ours.core.agreements import CATEGORIES
from ours.services.rules import Rule
from ours.web.show.condition_form import Row
from tests.receiver import Receiver
from tests.web.show.conftest import Browser


@pytest.fixture
def hook(here: Ours) -> Any:
    """A webhook that takes bookings, whose receiver can be looked at."""
    with Receiver() as receiver:
        here.destinations.add("webhook", "Clinic CRM", {"url": receiver.url}, events=["HIV test booked"], actor="cli")
        yield receiver


def fill(*pairs: tuple[str, str]) -> Any:
    return MultiDict(pairs)


def post(browser: Browser, path: str, *pairs: tuple[str, str], follow: bool = True) -> Any:
    """Send a form whose fields may repeat, with the token of a page."""
    found = browser.client.get("/governance").get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    return browser.client.post(path, data=fill(("csrf_token", found), *pairs), follow_redirects=follow, buffered=True)


def rows(*lines: tuple[str, str, str]) -> list[tuple[str, str]]:
    names = ("map_field", "map_template", "map_modification")
    return [(name, text) for line in lines for name, text in zip(names, line, strict=True)]


SECRET = "whsec_c2VjcmV0IG9mIHRlc3RzIG9mIHNlY3JldHM="
BOOKED: dict[str, Any] = {
    "default_properties": {"current_url": "https://clinic.example/hiv-test?name=jane#x"},
    "identity_context": {"ip": "203.0.113.7", "userAgent": "Mozilla"},
    "event_properties": {"ward": "7", "price": 40},
}


def test_the_health_data_cases_need_no_code(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    """Rename the event, reduce the URL, drop the IP."""
    send("HIV test booked", **BOOKED)
    work()
    form = [
        ("rename", "Booked"), ("rename_modification", "None"), ("why", "Health data"),
        *rows(("page", "{{event.default_properties.current_url}}", "DomainOnly"),
              ("address", "{{event.request_context.ip}}", "FakeIP"), ("properties", "", "None"), ("", "", "None")),
    ]  # fmt: skip
    tried = post(editor, "/destinations/1/mapping", *form, ("do", "preview")).get_data(as_text=True)
    assert ">Preview</h2>" in tried
    assert "body.type" in tried
    assert here.destinations.get(1).mapping == {}
    saved = post(editor, "/destinations/1/mapping", *form, ("do", "save"))
    assert "Saved." in saved.get_data(as_text=True)
    send("HIV test booked", **BOOKED)
    work()
    body = hook.requests[-1].body
    assert b'"type":"Booked"' in body
    assert b"https://clinic.example" in body
    for secret in (b"HIV", b"hiv", b"jane", b"203.0.113.7", b"ward"):
        assert secret not in body
    assert here.history.list()[0].why == "Health data"


def test_a_conditional_mapping_is_added_changed_and_removed(editor: Browser, here: Ours, hook: Receiver) -> None:
    form = [("name", "Bookings"), ("enabled", "on"), ("any", "any"), ("rename", "Lead"),
            *rows(("a", "x", "UpperCase")),
            ("condition_property", "event.event"), ("condition_operator", "Contains"),
            ("condition_value", "booked")]  # fmt: skip
    post(editor, "/destinations/1/mapping/case", *form, ("do", "save"))
    (case,) = here.destinations.get(1).cases
    assert case["mapping"] == {"a": {"map": "x", "modification": "UpperCase"}, "$event": "Lead"}
    page = editor.page("/destinations/1/mapping/case?name=Bookings")
    assert 'value="booked"' in page
    assert "Bookings" in editor.page("/destinations/1/mapping")
    post(editor, "/destinations/1/mapping/case?name=Bookings", *form[:1], *form[2:], ("do", "save"))
    assert here.destinations.get(1).cases[0]["enabled"] is False
    post(editor, "/destinations/1/mapping/case/remove", ("name", "Bookings"))
    assert list(here.destinations.get(1).cases) == []


def test_what_is_wrong_is_said_beside_it(editor: Browser, here: Ours, hook: Receiver) -> None:
    answer = post(editor, "/destinations/1/mapping", *rows(("plan", "{{visitor.pln}}", "None")), ("do", "save"))
    assert answer.status_code == 400
    assert "visitor.pln" in answer.get_data(as_text=True)
    for logic, said in (
        ('{\n  "AND": }', "This is not valid JSON from line 2, column 10."),
        ("[" * 100_000, "too deeply"),
    ):
        answer = post(editor, "/destinations/1/mapping/case", ("name", "Odd"), ("logic", logic), ("do", "save"))
        assert (answer.status_code, said in answer.get_data(as_text=True)) == (400, True)
    answer = post(editor, "/governance/rule", ("name", "Odd"), ("do", "save"))
    assert answer.status_code == 400
    assert here.governance.list() == []


@pytest.mark.parametrize("form", ["mapping", "mapping/case"])
def test_a_field_has_one_row(editor: Browser, here: Ours, hook: Receiver, form: str) -> None:
    """The second would replace the first, and with it, perhaps, what hashes the value."""
    typed = rows(("mail", "{{visitor.first}}", "Sha256"), ("mail", "{{event.event}}", "None"))
    said = [
        ("name", "Odd"),
        ("condition_property", "event.event"),
        ("condition_operator", "Is"),
        ("condition_value", "a"),
    ]
    answer = post(editor, f"/destinations/1/{form}", *typed, *said, ("do", "save"))
    page = answer.get_data(as_text=True)
    assert (answer.status_code, "has two rows" in page) == (400, True)
    assert "{{visitor.first}}" in page
    assert "{{event.event}}" in page
    assert (dict(here.destinations.get(1).mapping), list(here.destinations.get(1).cases)) == ({}, [])


def test_what_a_rule_can_not_cover_is_refused_however_long_it_is(editor: Browser, here: Ours) -> None:
    form = [("name", "Odd"), ("covers", "9" * 5000), ("any", "all"), ("condition_property", "event.event"),
            ("condition_operator", "Is"), ("condition_value", "Lead"), ("do", "save")]  # fmt: skip
    assert post(editor, "/governance/rule", *form).status_code == 400
    assert here.governance.list() == []


def test_a_condition_that_says_not_of_what_is_not_dropped(editor: Browser, here: Ours, hook: Receiver) -> None:
    """Where one is enough, the rule would stop less than was typed."""
    parts = [("event.event", "Is", "a"), ("", "Is", "typed, but of what?")]
    form = [(f"condition_{name}", said) for part in parts for name, said in zip(Row._fields, part, strict=True)]
    answer = post(editor, "/governance/rule", ("name", "Odd"), ("covers", "*"), ("any", "any"), *form, ("do", "save"))
    page = answer.get_data(as_text=True)
    assert (answer.status_code, "has a value but no path" in page, "typed, but of what?" in page) == (400, True, True)
    assert here.governance.list() == []


def test_settings_and_allow_list_are_tried_before_they_are_saved(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    send("HIV test booked")
    work()
    before = here.destinations.get(1)
    form = [("name", "Clinic CRM"), ("settings.url", hook.url + "/other"), ("settings.secret", SECRET),
            ("choice", "these"), ("names", "HIV test booked")]  # fmt: skip
    tried = post(editor, "/destinations/1/edit", *form, ("do", "preview")).get_data(as_text=True)
    assert "sent differently" in tried
    assert f"{hook.url}/other" in tried
    assert "again before you save" in tried
    assert SECRET not in tried
    fewer = post(editor, "/destinations/1/edit", *form[:2], ("choice", "none"), ("do", "preview"))
    assert "no longer sent" in fewer.get_data(as_text=True)
    assert here.destinations.get(1) == before
    saved = post(editor, "/destinations/1/edit", *form, ("why", "New address"), ("do", "save"))
    assert "Saved." in saved.get_data(as_text=True)
    assert here.history.list()[0].why == "New address"
    assert here.destinations.kept(1)["url"] == hook.url + "/other"


def test_sensitive_fields_ask_for_a_word_and_keep_it(editor: Browser, here: Ours, hook: Receiver) -> None:
    here.destinations.update(1, category=CATEGORIES[0], actor="cli")
    form = rows(("mail", "{{visitor.email}}", "None"))
    asked = post(editor, "/destinations/1/mapping", *form, ("do", "save"))
    assert (asked.status_code, 'name="override"' in asked.get_data(as_text=True)) == (400, True)
    post(editor, "/destinations/1/mapping", *form, ("do", "save"), ("override", "Agreed by phone"))
    assert here.destinations.get(1).mapping == {"mail": "{{visitor.email}}"}
    assert here.audit.latest("override", "destination 1").detail["reason"] == "Agreed by phone"


def test_a_rule_is_tried_saved_and_found_on_the_event(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    consent = {"user_properties": {"consent": {"rejected_categories": ["advertising"]}}}
    send("HIV test booked", **consent)
    work()
    form = [("name", "Consent"), ("enabled", "on"), ("covers", "*"), ("any", "all"),
            ("condition_property", "visitor.consent.rejected_categories"), ("condition_operator", "Contains"),
            ("condition_value", "advertising")]  # fmt: skip
    tried = post(editor, "/governance/rule", *form, ("do", "preview")).get_data(as_text=True)
    assert tried.index('form="typed" name="do" value="save"') < tried.index(
        '<form method="post" class="form" id="typed">'
    )
    assert "no longer sent" in tried
    assert "rule:Consent" in tried
    post(editor, "/governance/rule", *form, ("do", "save"))
    event_id = send("HIV test booked", **consent)
    work()
    assert "The governance rule “Consent” stopped it." in editor.page(f"/events/{event_id}/explain")
    listed = editor.page("/governance")
    assert "rejected_categories Contains advertising" in listed
    stopped = re.search(r'<a href="([^"]*)" aria-label="Stopped events, for Consent">', listed)
    assert stopped
    assert f"/events/{event_id}" in editor.page(unescape(stopped[1]))
    rule_id = here.governance.list()[0].id
    post(editor, f"/governance/rule/remove?id={rule_id}")
    assert here.governance.list() == []


def test_a_try_that_a_rule_stopped_says_that_nothing_was_sent(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    here.destinations.pause(1, actor="cli")
    event = send("HIV test booked")
    work()
    logic = {"condition": {"property": "event.event", "operator": "Contains", "value": "HIV"}}
    here.governance.put([Rule(name="No tests", covers=["*"], logic=logic)], actor="cli")
    here.destinations.resume(1, actor="cli")
    work()
    page = editor.page(f"/events/{event}")
    assert "Nothing was sent, so there is no answer." in page
    assert "No answer came" not in page
    assert "sent and answered in" not in page
    assert hook.requests == []


def test_a_misspelt_path_is_flagged(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    send("HIV test booked")
    work()
    form = [("name", "Typo"), ("covers", "*"), ("condition_property", "visitor.consent.rejectd"),
            ("condition_operator", "IsTruthy"), ("condition_value", ""), ("do", "save")]  # fmt: skip
    post(editor, "/governance/rule", *form)
    assert "visitor.consent.rejectd" in editor.page("/governance").split("misspelled")[1]
    here.destinations.update(1, mapping={"ward": "{{event.event_properties.wrad}}"}, actor="cli")
    assert '<a href="/destinations/1/mapping"><bdi>Clinic CRM: ward</bdi></a>' in editor.page("/governance")


def test_a_destination_shows_each_row_of_its_mapping_as_one(editor: Browser, here: Ours, hook: Receiver) -> None:
    page = {"map": "{{event.default_properties.current_url}}", "modification": "DomainOnly"}
    here.destinations.update(1, mapping={"page": page, "properties": ""}, actor="cli")
    shown = editor.page("/destinations/1").partition("<h2>Mapping</h2>")[2]
    row = '<code>{{event.default_properties.current_url}}</code> <span class="help">DomainOnly</span>'
    assert f"<code>page</code></th><td>{row}" in shown
    assert '<code>properties</code></th><td><span class="muted">left out</span>' in shown
    assert "page.map" not in shown


def test_the_allow_lists_are_ticked_from_the_side_of_the_events(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    for name in ("HIV test booked", "Refund"):
        send(name)
    work()
    page = editor.page("/allow")
    assert "on no list" in page.split(">Refund<")[1].split("</tr>")[0]
    form = [("was", "1:HIV test booked"), ("tick", "1:Refund")]
    tried = post(editor, "/allow", *form, ("do", "preview")).get_data(as_text=True)
    assert "newly sent" in tried
    assert here.destinations.get(1).events == ("HIV test booked",)
    post(editor, "/allow", *form, ("do", "save"))
    assert here.destinations.get(1).events == ("Refund",)


def test_the_allow_lists_are_narrowed_and_what_is_not_shown_stays_as_it_is(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    other = here.destinations.add("webhook", "Other", {"url": hook.url}, events=["Refund"], actor="cli").id
    send("Refund")
    work()
    page = editor.page("/allow?name=REF")
    assert 'value="1:Refund"' in page
    assert "HIV test booked" not in page
    narrowed = f"/allow?name=ref&destination={other}"
    page = editor.page(narrowed)
    assert f'<option value="{other}" selected>Other</option>' in page
    assert f'value="{other}:Refund"' in page
    assert 'value="1:Refund"' not in page
    answer = post(editor, narrowed, ("was", f"{other}:Refund"), ("do", "save"), follow=False)
    assert answer.location == narrowed
    assert (here.destinations.get(1).events, here.destinations.get(other).events) == (("HIV test booked",), ())
    assert "No results" in editor.page("/allow?name=nowhere")
    assert "No results" in editor.page("/allow?destination=99")


ON_BOOKING = {"condition": {"property": "event.event", "operator": "Is", "value": "HIV test booked"}}


def test_the_history_says_which_part_was_changed(editor: Browser, here: Ours, hook: Receiver) -> None:
    """Who changed the mapping? Not by opening every version of every destination."""
    here.destinations.update(1, events=["Purchase"], actor="cli")
    here.destinations.update(1, mapping={"a": "{{event.id}}"}, name="Renamed", actor="cli")
    here.governance.add(Rule(name="Consent", covers=["*"], logic=ON_BOOKING), actor="cli")
    page = editor.page("/history")
    told = re.findall(r'data-label="Action">([^<]*?) ?(?:<span class="help">([^<]*)|</td)', page)
    assert told == [("add rule", ""), ("update", "name, mapping"), ("update", "allow list"), ("add", "")]


def test_a_change_of_the_mapping_is_not_told_as_one_of_the_allow_list(editor: Browser, here: Ours) -> None:
    """The history would name whoever changed the one for having changed the other."""
    url = {"url": "https://example.com/"}
    one = here.destinations.add("webhook", "Shop", url, events=["Purchase", "Checkout", "Lead"], actor="cli").id
    here.destinations.update(one, mapping={"value": ""}, actor="cli")
    page = editor.page(f"/history/destination {one}/2")
    assert re.findall(r"<code>([^<]+)</code></t[dh]><td[^>]*data-label=\"Before", page) == ["mapping.value"]
    assert "no row" in page  # what goes then is the plugin's to say, and may be nothing
    assert "left out" in page
    here.destinations.update(one, events=["Purchase", "Lead", "Checkout"], actor="cli")
    assert here.destinations.get(one).version == 2, "the same names make no version"
    here.destinations.update(one, events=["Purchase", "Lead"], actor="cli")
    assert [(found.path, found.old) for found in here.history.diff(f"destination {one}", 2)] == [
        ("events.Checkout", "allowed")
    ]


def test_a_version_is_brought_back(editor: Browser, here: Ours, hook: Receiver) -> None:
    here.destinations.update(1, mapping={"a": "{{event.id}}"}, why="Try", actor="cli")
    assert "Try" in editor.page("/history?of=destination 1")
    page = editor.page("/history/destination 1/1")
    assert "mapping.a" in page
    post(editor, "/history/destination 1/1/restore")
    assert here.destinations.get(1).mapping == {}
    assert editor.get("/history/destination 1/77").status_code == 404
    assert editor.get("/history/nonsense/1").status_code == 404


def test_the_history_of_what_there_is_not_is_not_taken_for_that_of_all(editor: Browser, hook: Receiver) -> None:
    page = editor.page("/history?of=destination 99")
    assert '<option value="destination 99" selected>no such thing</option>' in page
    assert "There is no such subject." in page


def test_where_a_field_goes_is_shown(editor: Browser, here: Ours, hook: Receiver) -> None:
    assert "Clinic CRM" in editor.page("/fields?path=event.event")
    assert "goes nowhere" in editor.page("/fields?path=visitor.email")
    assert "Find" in editor.page("/fields")


def test_what_the_plugin_hashes_is_nowhere_said_to_leave_as_it_is(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    settings = {"dataset_id": "123456789012345", "access_token": "t" * 30, "endpoint": hook.url}
    meta = here.destinations.add("meta", "Meta", settings, events=["Purchase"], actor="cli").id
    event_id = send("Purchase", user_properties={"email": "jane@example.com"})
    work()
    found = editor.page("/fields?path=visitor.email")
    assert "hashed by the plugin" in found
    assert "as it is" not in found
    mapping = editor.page(f"/destinations/{meta}/mapping").split("The plugin's mapping")[1]
    assert "hashed by the plugin" in mapping.split("<code>email</code>")[1].split("</tr>")[0]
    assert "hashed" not in mapping.split("<code>currency</code>")[1].split("</tr>")[0]
    form = editor.page("/destinations/add/meta").split("The plugin's own mapping")[1]
    assert "hashed by the plugin" in form.split("<code>email</code>")[1].split("</tr>")[0]
    explained = editor.page(f"/events/{event_id}/explain")
    assert "hashed by the plugin" in explained.split("{{visitor.email}}")[1].split("</tr>")[0]
    here.destinations.update(meta, mapping={"email": {"map": "{{visitor.email}}", "modification": "Hash"}}, actor="cli")
    assert "hashed by the plugin" not in editor.page("/fields?path=visitor.email")


def test_a_viewer_sees_what_the_plugin_maps_by_itself(
    browser_of: Callable[[str], Browser], here: Ours, hook: Receiver
) -> None:
    """Only editors open the page where it is changed."""
    here.destinations.update(1, category="advertising", actor="cli")
    page = browser_of("viewer").page("/destinations/1").split("The plugin's own mapping")[1]
    assert "{{event.event}}" in page
    assert "withheld" in page.split("<code>externalId</code>")[1].split("</tr>")[0]


def test_an_event_is_explained_and_its_people_are_masked(
    browser_of: Callable[[str], Browser], here: Ours, send: Callable[..., str], work: Callable[[], None], hook: Receiver
) -> None:
    here.destinations.update(1, mapping={"who": "{{visitor.first_name}}"}, actor="cli")
    event_id = send("HIV test booked", user_properties={"first_name": "Philomena"})
    work()
    page = browser_of("viewer").page(f"/events/{event_id}/explain")
    assert "P•••" in page
    assert "Philomena" not in page
    assert "the one in use at the time" in page


@pytest.mark.parametrize(
    "path",
    ["/destinations/1/mapping", "/destinations/1/mapping/case", "/governance/rule"],
    ids=["mapping", "case", "rule"],
)
def test_viewers_look_and_change_nothing(browser_of: Callable[[str], Browser], hook: Receiver, path: str) -> None:
    viewer = browser_of("viewer")
    assert viewer.get(path).status_code == 403
    for looked in ("/allow", "/governance", "/history", "/fields"):
        assert viewer.get(looked).status_code == 200


def test_the_history_names_sources_and_destinations_and_shows_no_ids(
    browser_of: Callable[[str], Browser], here: Ours, hook: Receiver
) -> None:
    heard = here.sources.add("Shop backend", actor="cli").source.id
    here.destinations.update(1, sources=[heard], actor="cli")
    name = here.destinations.get(1).name
    logic = {"condition": {"property": "visitor.city", "operator": "Is", "value": "Lyon"}}
    for rule in ("Consent", "Advertising"):
        here.governance.add(Rule(name=rule, covers=[1], logic=logic), actor="cli")
    viewer = browser_of("viewer")
    number = here.history.list("destination 1")[0].number
    for address in (f"/history/destination 1/{number}", "/history/governance/2"):
        page = viewer.page(address)
        said = dict(re.findall(r"<code>([^<]*(?:sources|covers)\[0\])</code></th><td[^>]*>(?:<[^>]+>)*([^<]+)<", page))
        assert said
        changed = re.findall(r'(?:sources|covers)\[0\]</code></th>.*?data-label="After"><bdi>([^<]*)', page)
        assert changed == ["Shop backend" if "destination" in address else name]
        assert not {text for text in said.values() if text.isdigit()}
    assert "<title>Version" in page


def test_the_history_says_what_it_means_that_none_was_named(browser_of: Callable[[str], Browser], here: Ours) -> None:
    made = here.destinations.add("webhook", "Quiet", {"url": "https://example.com"}, events=[], actor="cli")
    here.governance.put([], actor="cli")
    viewer = browser_of("viewer")
    page = viewer.page(f"/history/destination {made.id}/1")
    said = dict(re.findall(r"<code>([^<]*)</code></th><td[^>]*>(?:<[^>]+>)*([^<]+)<", page))
    assert (said["sources"], said["events"]) == ("all", "none: nothing is sent")
    assert (said["cases"], said["limits"]) == ("none", "none")
    assert "rules</code>" in viewer.page("/history/governance/1")


def test_a_form_that_is_saved_as_it_was_makes_no_version(editor: Browser, here: Ours, hook: Receiver) -> None:
    before = here.destinations.get(1)
    here.destinations.update(1, mapping=before.mapping, events=before.events, actor="cli")
    assert here.destinations.get(1).version == before.version
    here.destinations.update(1, events=before.events, why="Looked at, and left so.", actor="cli")
    assert here.destinations.get(1).version == before.version + 1


def opened(browser: Browser, path: str) -> list[tuple[str, str]]:
    """The hidden fields of a page's forms, as a browser would send them back."""
    found = re.findall(r'<input type="hidden" name="(seen|was)" value="([^"]*)">', browser.page(path))
    return [(name, text) for name, text in found]


def test_what_somebody_else_unticked_meanwhile_stays_unticked(
    editor: Browser, here: Ours, send: Callable[..., str], hook: Receiver
) -> None:
    send("Lead")
    here.destinations.update(1, events=["HIV test booked", "Lead"], actor="cli")
    form = opened(editor, "/allow")
    assert ("was", "1:HIV test booked") in form
    here.destinations.update(1, events=["Lead", "Rare"], actor="cli")
    post(editor, "/allow", *form, ("tick", "1:HIV test booked"), ("do", "save"))  # Lead is unticked
    assert list(here.destinations.get(1).events) == ["Rare"]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/destinations/1/mapping", rows(("properties", "{{event.event_properties.note}}", "None"))),
        ("/destinations/1/mapping/case", [("name", "A"), ("condition_property", "event.event"),
         ("condition_operator", "Is"), ("condition_value", "x"), *rows(("tier", "gold", "None"))]),
        ("/destinations/1/edit", [("name", "Clinic CRM"), ("choice", "all")]),
    ],
)  # fmt: skip
def test_a_form_overwrites_nothing_that_was_saved_after_it_was_opened(
    editor: Browser, here: Ours, hook: Receiver, path: str, form: list[tuple[str, str]]
) -> None:
    began = opened(editor, path)
    here.destinations.update(1, mapping={"properties": ""}, actor="cli")
    before = here.destinations.config(1)
    url = [("settings.url", hook.url)]
    for _ in range(2):  # what the refusal shows is as old as what was refused
        refused = post(editor, path, *began, *url, *form, ("do", "save"))
        assert refused.status_code == 400
        page = refused.get_data(as_text=True)
        above = page.partition('role="alert"')[2].partition("</div>")[0]
        assert "cli changed this after you opened it" in above
        assert f'href="{path}' in above
        assert 'href="/history?of=destination+1">What was changed</a>' in above
        assert here.destinations.config(1) == before
        began = [("seen", re.findall(r'name="seen" value="(\d+)"', refused.get_data(as_text=True))[0])]
    saved = post(editor, path, *opened(editor, path), *url, *form, ("do", "save"))
    assert saved.status_code == 200
    assert here.destinations.config(1) != before


def test_a_rule_is_not_overwritten_either(editor: Browser, here: Ours, hook: Receiver) -> None:
    logic = {"condition": {"property": "event.event", "operator": "Is", "value": "x"}}
    made = here.governance.add(Rule(name="Consent", covers=["crm"], logic=logic), actor="cli")
    path = f"/governance/rule?id={made.id}"
    form = [("name", "Consent"), ("covers", "crm"), ("note", "Ours"), ("condition_property", "event.event"),
            ("condition_operator", "Is"), ("condition_value", "x"), ("do", "save")]  # fmt: skip
    began = opened(editor, path)
    here.governance.change(made.id or 0, covers=["*"], actor="cli")
    refused = post(editor, path, *began, *form)
    assert refused.status_code == 400
    assert "cli changed this" in refused.get_data(as_text=True)
    assert here.governance.find("Consent").covers == ["*"]
    assert post(editor, path, *opened(editor, path), *form).status_code == 200
    assert here.governance.find("Consent").note == "Ours"
