"""Destinations: the form as the plugin asks for it, the choice of events, and what may be done."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from ours.bootstrap import Ours
from ours.cli import double
from ours.plugin import Delivery, Destination, Schema, Skipped, fields, validate
from ours.registry import Loaded, Registry
from ours.store.queries import destinations
from tests.web.show.conftest import Browser

FORM: dict[str, Any] = {"name": "Warehouse", "settings.url": "https://example.com/hook", "choice": "all"}


def _add(browser: Browser, **changes: Any) -> Any:
    return browser.post("/destinations/add/webhook", **FORM | changes)


def test_the_form_asks_for_what_the_plugin_asks_for(editor: Browser) -> None:
    page = editor.page("/destinations/add/webhook")
    for part in ('name="settings.url" type="url"', 'name="settings.secret" type="password"', 'name="settings.method"'):
        assert part in page
    assert "checked" not in page  # which events may leave is the operator's to say
    assert '<span class="none">Nothing is sent to this destination' in page


class Asking(Destination):
    slug, label = "asking", "Asking"

    class Settings(Schema):
        region = fields.String(required=True, validate=validate.OneOf(["eu", "us"]))
        plan = fields.String(validate=validate.OneOf(["a", "b"]))
        names = fields.Dict(load_default=dict, metadata={"label": "Names"})

    def build(self, delivery: Delivery) -> Skipped:
        return Skipped("not_mine")


def test_a_choice_is_the_operators_and_what_must_be_json_says_so(editor: Browser, here: Ours) -> None:
    vars(here.registry).update(vars(Registry([Loaded("asking", Asking(), "drop-in", "asking.py")])))
    page = unescape(editor.page("/destinations/add/asking"))
    for name, more in (("region", " required"), ("plan", "")):
        assert f'<select id="settings.{name}" name="settings.{name}"{more}><option value=""></option><option' in page
    assert 'Names <span class="help">as JSON</span>' in page
    assert """placeholder="{"one": "value"} or ["one", "two"]\"""" in page
    form = {"name": "A", "choice": "all", "settings.plan": "", "settings.names": ""}
    assert "Must be given." in editor.post("/destinations/add/asking", **form, **{"settings.region": ""}).text
    editor.post("/destinations/add/asking", **form, **{"settings.region": "us"})
    assert [one.name for one in here.destinations.list()] == ["A"]


def test_a_tab_says_what_is_added_in_it(editor: Browser) -> None:
    for path, words in (("destinations/add", "Add a destination"), ("destinations/add/webhook", "Add Webhook"),
                        ("governance/rule", "Add a rule")):  # fmt: skip
        assert f"<title>{words} · Ours</title>" in editor.page(f"/{path}")


def test_the_catalogue_stands_in_the_order_of_what_is_read(editor: Browser) -> None:
    labels = re.findall(r'class="card tile"[^>]*><b>([^<]+)</b>', editor.page("/destinations/add"))
    assert labels == sorted(labels, key=str.casefold)
    assert labels.index("Object storage (S3)") < labels.index("PostgreSQL table")
    assert re.findall(r"<tr><td><b>([^<]+)</b>", editor.page("/plugins").split('id="loaded"')[1]) == labels


def test_the_form_says_what_must_be_known_of_agreements(editor: Browser) -> None:
    assert "signs no business associate agreement" in editor.page("/destinations/add/meta")
    assert "business associate agreement" not in editor.page("/destinations/add/webhook")


@pytest.mark.parametrize(
    ("chosen", "events"),
    [
        ({"choice": "all"}, ["*"]),
        ({"choice": "all", "identify": "on"}, ["$identify", "*"]),
        ({"choice": "these", "names": "Purchase\r\n\r\n Lead \r\n"}, ["Lead", "Purchase"]),
        ({"choice": "none", "names": "Purchase"}, []),
        ({"choice": ""}, []),
    ],
)
def test_only_the_chosen_events_may_leave(
    editor: Browser, here: Ours, chosen: dict[str, str], events: list[str]
) -> None:
    assert _add(editor, **chosen).status_code == 200
    assert sorted(here.destinations.get(1).events) == events


def test_these_without_a_name_is_asked_again(editor: Browser, here: Ours) -> None:
    answer = _add(editor, choice="these", names=" \n")
    assert answer.status_code == 400
    assert "Name at least one event" in answer.text
    assert not here.destinations.list()


def test_what_was_typed_stays_in_the_form_and_each_fault_stands_beside_its_field(editor: Browser) -> None:
    answer = _add(editor, **{"settings.url": "no address", "map_field": "plan", "map_template": "{{"})
    assert answer.status_code == 400
    page = unescape(answer.text)
    assert 'value="no address"' in page
    assert 'id="settings.url-wrong"' in page
    assert 'value="{{"' in page
    assert '<li><a href="#settings.url">Address</a></li>' in page
    answer = _add(editor, map_field="plan", map_template="{{")
    assert '<p class="wrong"><code>plan</code>' in answer.text
    assert '<li><a href="#map">Mapping</a></li>' in answer.text


def test_mapping_rows_are_kept_and_empty_ones_left_out(editor: Browser, here: Ours) -> None:
    form = MultiDict(FORM.items())
    for name, template in (("plan", "{{visitor.custom_properties.plan}}"), ("", ""), ("fixed", "yes")):
        form.add("map_field", name)
        form.add("map_template", template)
    editor.post("/destinations/add/webhook", **form.to_dict(flat=False))
    assert here.destinations.get(1).mapping == {"plan": "{{visitor.custom_properties.plan}}", "fixed": "yes"}


def test_a_secret_left_empty_stays_and_is_never_shown(editor: Browser, here: Ours) -> None:
    secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    _add(editor, **{"settings.secret": secret})
    page = editor.page("/destinations/1/edit")
    assert secret not in page
    assert secret not in editor.page("/destinations/1")
    editor.post("/destinations/1/edit", **FORM | {"name": "Renamed", "settings.secret": ""})
    found = here.destinations.get(1)
    assert found.name == "Renamed"
    assert found.settings_shown["secret"] == "••••"


def test_a_secret_says_whether_it_is_set_and_one_that_may_be_missing_can_be_removed(
    editor: Browser, here: Ours
) -> None:
    secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    _add(editor, **{"settings.secret": secret, "settings.headers": "X-Team: shop"})
    page = editor.page("/destinations/1/edit")
    assert [re.search(f'name="settings.{name}" type="password"[^>]*placeholder="([^"]*)"', page)[1]  # type: ignore[index]
            for name in ("secret", "previous_secret")] == ["set; leave empty to keep it", "not set"]  # fmt: skip
    assert ('name="remove.secret"' in page, 'name="remove.previous_secret"' in page) == (True, False)
    for again in ({"do": "preview"}, {"settings.url": "no address"}):
        shown = editor.post("/destinations/1/edit", **FORM | {"remove.secret": "on"} | again).text
        assert 'name="remove.secret" checked' in shown
    editor.post("/destinations/1/edit", **FORM | {"remove.secret": "on", "settings.headers": " "})
    assert set(here.destinations.get(1).settings_shown) == {"url", "method"}


def test_a_secret_that_a_refused_form_does_not_keep_is_asked_for_again(editor: Browser) -> None:
    page = _add(editor, **{"settings.url": "no address", "settings.previous_secret": "whsec_AAAA"}).text
    assert "whsec_AAAA" not in page
    field = page.split('id="settings.previous_secret"')[1].split("</div>")[0]
    assert "Type it again before you save" in field
    assert page.count("Type it again before you save") == 1


def test_what_is_written_in_lines_has_lines_to_write_in(editor: Browser, here: Ours) -> None:
    body = '{\r\n  "what": "{{type}}"\r\n}'
    assert '<textarea id="settings.template"' in editor.page("/destinations/add/webhook")
    refused = _add(editor, **{"settings.template": body.replace(":", "")})
    assert "It is none from line 2, column 10." in refused.text
    _add(editor, **{"settings.template": body})
    assert here.destinations.get(1).settings_shown["template"] == body
    assert unescape(editor.page("/destinations/1/edit")).count('"what": "{{type}}"') == 1


def test_editing_begins_with_what_stands(editor: Browser) -> None:
    _add(editor, choice="these", names="Purchase\nLead", identify="on", map_field="plan", map_template="pro")
    page = editor.page("/destinations/1/edit")
    assert 'value="these" checked' in page
    assert 'name="identify" checked' in page
    assert "Lead\nPurchase</textarea>" in page or "Purchase\nLead</textarea>" in page
    assert 'value="plan"' in editor.page("/destinations/1/mapping")


def test_an_empty_allow_list_is_said_in_red_where_the_destination_is_seen(editor: Browser) -> None:
    _add(editor, choice="none")
    assert '<span class="none">none: nothing is sent</span>' in editor.page("/destinations")
    assert "Nothing is sent to this destination: its allow list is empty." in editor.page("/destinations/1")
    assert "has an empty allow list: nothing is sent to it." in editor.page("/")


def test_a_name_that_no_event_has_is_told_from_those_that_came(
    editor: Browser, here: Ours, send: Callable[..., str]
) -> None:
    names = ["Purchse", "PURCHASE", "$identify"]
    one = here.destinations.add("webhook", "Shop", {"url": "https://example.com"}, events=names, actor="cli")
    untold = "not seen lately"
    assert untold not in editor.page(f"/destinations/{one.id}")  # nothing came at all
    send("Purchase")
    page = editor.page(f"/destinations/{one.id}")
    assert re.findall(rf"<bdi>([^<]*)</bdi> <span[^>]*>{untold}", page) == ["Purchse"]


def test_it_is_paused_resumed_turned_off_and_on_and_removed(editor: Browser, here: Ours) -> None:
    _add(editor)
    for verb, status in (("pause", "paused"), ("resume", "on"), ("off", "off"), ("on", "on"), ("remove", "removed")):
        assert editor.get(f"/destinations/1/{verb}").status_code == 200
        assert here.destinations.get(1).status != status or verb == "resume"
        assert editor.post(f"/destinations/1/{verb}").status_code == 200
        assert here.destinations.get(1).status == status
    assert "Removed by <b>editor@example.com</b>" in editor.post("/destinations/1/pause").text


def test_one_that_paused_itself_says_why_in_words_and_what_to_do(editor: Browser, here: Ours) -> None:
    _add(editor)
    with here.store.write() as connection:
        destinations.change(connection, 1, {"status": "paused", "paused_for": "auth_failed"})
    page = editor.page("/destinations/1")
    assert "The destination refused our credentials or settings several times in a row and was paused." in page
    assert "Renew the credentials or fix the settings" in page
    assert "What is held is sent automatically, once, when it is resumed." in page


def test_one_that_fails_says_so_beside_that_it_is_on(editor: Browser, here: Ours) -> None:
    _add(editor)
    pages = ("/destinations", "/destinations/1")
    assert not any("failing</span>" in editor.page(path) for path in pages)
    with here.store.write() as connection:
        destinations.change(connection, 1, {"breaker": "open", "breaker_failures": 12})
    for path in pages:
        assert '<span class="state warn">failing</span>' in editor.page(path)
    editor.post("/destinations/1/pause")
    assert not any("failing</span>" in editor.page(path) for path in pages)


def test_what_would_leave_is_shown_before_it_is_turned_on(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None]
) -> None:
    _add(editor, choice="these", names="Purchase")
    editor.post("/destinations/1/off")
    send("Purchase")
    send("Lead")
    work()
    assert '<a class="button" href="/destinations/1/on">Turn on</a>' in editor.page("/destinations/1")
    page = editor.page("/destinations/1/on")
    assert "What would be sent, by the latest events" in page
    assert re.search(r"<dt>newly sent</dt><dd>1</dd>", page)
    assert here.destinations.get(1).status == "off"
    assert "What would leave" not in editor.page("/destinations/1/off")
    editor.post("/destinations/1/on")
    assert "What would leave" not in editor.page("/destinations/1/on")


def test_a_look_at_what_would_leave_takes_no_longer_than_a_glance(
    editor: Browser, send: Callable[..., str], work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(editor)
    editor.post("/destinations/1/off")
    for _ in range(3):
        send("Purchase")
    work()
    assert "tried on the latest 3 events; nothing is changed yet" in editor.page("/destinations/1/on")
    monkeypatch.setattr("ours.web.show.destinations._GLANCE", -1)
    page = editor.page("/destinations/1/on")
    assert "tried on the latest 1 event: there was no time for all 3; nothing is changed yet" in page


def test_a_form_says_what_becomes_of_an_identify(editor: Browser, here: Ours) -> None:
    for slug, said in (
        ("webhook", "They are sent like any event."),
        ("hubspot", "HubSpot uses them to update what it knows about the person"),
        ("meta", "Meta Conversions API has no use for them and skips them, so leave this unticked."),
    ):
        assert said in editor.page(f"/destinations/add/{slug}")
    given = {"account_id": "1234567", "access_token": "pat-na1-for-tests"}
    for events, said in (
        (["Lead"], "would keep what it knows about people up to date"),
        (["$identify"], "change what it"),
    ):
        made = here.destinations.add("hubspot", events[0], given, events=events, override="It must", actor="cli")
        assert said in editor.page(f"/destinations/{made.id}")


def test_removing_asks_what_becomes_of_what_waits(editor: Browser, here: Ours, send: Callable[..., str]) -> None:
    _add(editor)
    send()
    here.route.run()
    assert "1 waits, the oldest since" in editor.page("/destinations/1")
    assert "In progress: 1. Held: 0. What should happen to them?" in editor.page("/destinations/1/remove")
    assert editor.post("/destinations/1/remove").status_code == 400
    page = editor.post("/destinations/1/remove", pending="deliver-first").text
    assert "is removed as soon as what waits is delivered" in page
    assert here.destinations.get(1).leaving
    assert "is being removed: what waits is delivered first." in editor.page("/")
    editor.post("/destinations/1/remove", pending="stop")
    assert here.destinations.get(1).status == "removed"
    assert here.overview.standing().health[1].states == {"stopped": 1}


def test_a_test_event_goes_the_whole_road_and_nowhere_for_real(
    editor: Browser, here: Ours, send: Callable[..., str], work: Callable[[], None], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    editor.post("/destinations/add/file", name="Copy", choice="all", **{"settings.folder": str(folder)})
    page = editor.post("/destinations/1/test", event="Try me").text
    assert "Try me" in page
    assert '<span class="test-tag">Test</span>' in page
    work()
    [row] = here.overview.recent_events().rows
    assert [mark.state for mark in row.dispatches] == ["sunk"]
    assert not list(folder.glob("*")) if folder.exists() else True


@pytest.mark.parametrize("slug", [slug for slug in double.names() if slug != "webhook"])
def test_the_test_event_that_a_page_offers_makes_a_request_for_every_vendor(
    editor: Browser, here: Ours, work: Callable[[], None], slug: str
) -> None:
    here.sources.add("Shop", actor="cli")
    with double.find(slug)() as vendor:
        settings = {f"settings.{name}": value for name, value in vendor.settings.items()}
        editor.post(f"/destinations/add/{slug}", name="V", choice="all", agreement="self-hosted", **settings)
        offered = re.search(r'<input id="event"[^>]* value="([^"]*)"', editor.page("/destinations/1"))
        assert offered
        editor.post("/destinations/1/test", event=offered[1])
        work()
    [row] = here.overview.recent_events().rows
    assert [mark.state for mark in row.dispatches] == ["sunk"]


def test_a_test_event_without_a_source_or_a_name_is_refused_in_a_sentence(editor: Browser, here: Ours) -> None:
    _add(editor)
    assert "no active source has one. Add a source first." in editor.post("/destinations/1/test", event="Try").text
    here.sources.add("Shop", actor="cli")
    assert editor.post("/destinations/1/test", event=" ").status_code == 400


def test_an_unknown_plugin_is_404(editor: Browser) -> None:
    answer = editor.get("/destinations/add/nothing")
    assert answer.status_code == 404
    assert "There is no plugin “nothing”." in answer.text


def test_settings_that_do_not_fit_any_more_are_named_on_its_page_and_mended_there(here: Ours, editor: Browser) -> None:
    _add(editor)
    sealed = here.store.sealer.seal_json({"method": "PUT"}, "destinations:1:settings")
    with here.store.write() as connection:
        destinations.change(connection, 1, {"settings": sealed})
    assert "url: Must be given. Everything owed to it is held." in editor.page("/destinations/1")
    assert 'name="settings.url" type="url"' in editor.page("/destinations/1/edit")
    editor.post("/destinations/1/edit", **FORM)
    assert here.destinations.get(1).unfit is None
    assert "Must be given." not in editor.page("/destinations/1")


def test_a_crm_is_added_by_somebodys_word_or_an_agreement(editor: Browser, here: Ours) -> None:
    asks = {slug: 'name="override"' in editor.page(f"/destinations/add/{slug}") for slug in ("customerio", "meta")}
    assert asks == {"customerio": True, "meta": False}
    assert "<code>id, email</code> in clear" in editor.page("/destinations/add/customerio")
    form = {"name": "CRM", "settings.site_id": "a-site", "settings.api_key": "a-key", "choice": "all"}
    asked = editor.post("/destinations/add/customerio", **form)
    assert (asked.status_code, 'name="override"' in asked.get_data(as_text=True)) == (400, True)
    editor.post("/destinations/add/customerio", **form, override="Agreed by phone")
    [made] = here.destinations.list()
    assert here.audit.latest("override", f"destination {made.id}").detail["fields"] == ["id", "email"]
