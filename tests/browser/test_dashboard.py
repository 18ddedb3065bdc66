"""The dashboard in a real browser: live, without a script, on a phone, and with nothing to complain of."""

import re
import threading
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from tests.browser.conftest import sign_in
from tests.browser.pictures import pages
from tests.browser.seed import ADA, PASSWORD, Seeded
from tests.services.test_second_factors import set_up

pytestmark = pytest.mark.browser


def _work(ours: Ours) -> None:
    while ours.route.run():
        pass
    ours.deliver.drain(threading.Event(), 20)


_RULES = {name: {"enabled": True} for name in ("label-content-name-mismatch", "target-size")}
"""Off unless asked for."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("scheme", "asked"),
    [("light", {"rules": _RULES}), ("dark", {"runOnly": ["color-contrast"]})],
    ids=["light", "dark"],
)
def test_no_page_has_a_serious_barrier(page: Page, seeded: Seeded, scheme: str, asked: dict[str, object]) -> None:
    """Labels, contrast, landmarks, names of buttons: what axe-core can tell. Only colours differ in the dark."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found = {}
    for name, path in pages(seeded).items():
        page.goto(path)
        page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
        said = Axe().run(page, options={"resultTypes": ["violations"], **asked}).response["violations"]
        grave = [one for one in said if one["impact"] in {"serious", "critical"}]
        if grave:
            found[name] = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in grave]
    assert found == {}


def test_install_turns_green_when_the_first_event_comes(page: Page, ours: Ours) -> None:
    made = ours.sources.add("Just made", actor="cli")
    page.goto(f"/install?source={made.source.id}")
    expect(page.get_by_text("Waiting for your first event")).to_be_visible()
    caller = ours.accept.authenticate(made.test_key)
    assert caller
    ours.accept.accept(caller, [Incoming(name="Hello", occurred_at=clock.now_ms(), user_id="u1")])
    expect(page.get_by_text("it works")).to_be_visible()
    expect(page.get_by_role("link", name="Hello")).to_be_visible()


def test_what_did_not_arrive_is_sent_again_in_a_few_clicks(page: Page, ours: Ours) -> None:
    page.goto("/dispatches?state=rejected")
    page.get_by_role("link", name="Replay all matches").click()
    page.get_by_role("button", name=re.compile("Replay (it|.* at once)")).click()
    expect(page.get_by_text("Replayed: ")).to_be_visible()
    _work(ours)


def test_a_new_event_shows_by_itself_and_so_does_where_it_went(page: Page, ours: Ours) -> None:
    page.goto("/playground")
    page.get_by_label("Key").select_option(label="CRM sync · test")
    page.get_by_label("Body").fill('{"event": "Seen Live", "userId": "u1"}')
    other = page.context.new_page()
    other.goto("/events")
    expect(other.get_by_text("Seen Live")).to_have_count(0)
    page.get_by_role("button", name="Send").click()
    expect(other.get_by_role("link", name="Seen Live")).to_be_visible()
    row = other.get_by_role("row").filter(has_text="Seen Live")
    expect(row).to_contain_text("not routed yet")
    _work(ours)
    expect(row).to_contain_text("1 sunk")
    expect(row).to_contain_text("Test")


def test_pausing_stops_the_refreshing(page: Page) -> None:
    asked: list[str] = []
    page.goto("/events")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_have_text("Paused")
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3_500)
    assert asked == []
    with page.expect_request(lambda request: "/events/rows" in request.url, timeout=8_000):
        page.get_by_role("button", name="Resume").click()


def test_times_are_the_readers_own_with_their_zone_and_utc_on_hover(page: Page, seeded: Seeded) -> None:
    page.goto(f"/events/{seeded.event_id}")
    moment = page.locator("time").first
    assert re.search(r" UTC\+[12]$", moment.inner_text())
    assert (moment.get_attribute("title") or "").endswith(" UTC")
    page.goto("/events")
    assert "UTC" not in page.locator("tbody time").first.inner_text()
    assert re.fullmatch(r"Occurred, UTC\+[12]", page.get_by_role("columnheader").first.inner_text())


def test_a_moment_is_typed_as_it_is_shown_and_stands_in_utc_in_the_address(page: Page, ours: Ours) -> None:
    page.goto("/events")
    shown = ours.overview.recent_events().rows[0].occurred_at // clock.MINUTE * clock.MINUTE
    berlin = datetime.fromtimestamp(shown / 1000, tz=ZoneInfo("Europe/Berlin")).isoformat()[:16]
    page.get_by_text("More filters").click()
    page.get_by_label("From (UTC+").fill(berlin)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url(f"**from={(clock.iso(shown) or '')[:16]}*")
    assert page.locator("#rows tbody tr").count() > 0
    assert page.get_by_label("From (UTC+").input_value() == berlin
    page.goto("/events?from=2020-01-01T00:00&to=2020-01-01T12:30")
    assert page.get_by_label("Before (UTC+").input_value() == "2020-01-01T13:30"
    expect(page.locator(".empty")).to_contain_text("01 Jan 2020, 13:30:00 UTC+1")


def test_a_moment_of_the_hour_that_comes_twice_stays_what_it_is(page: Page) -> None:
    """In Berlin the clocks went from 03:00 to 02:00 at 01:00 UTC."""
    page.goto("/events?from=2026-10-25T01:30&to=2026-07-01T00:00")
    assert page.get_by_label("From (UTC+1)").input_value() == "2026-10-25T02:30"
    assert page.get_by_label("Before (UTC+2)").input_value() == "2026-07-01T02:00"
    page.get_by_label("Before (UTC+").fill("2026-12-01T00:00")
    expect(page.get_by_label("Before (UTC+1)")).to_be_visible()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**to=2026-11-30T23*")
    assert "from=2026-10-25T01:30" in page.url


def test_where_the_clocks_were_changed_among_a_tables_times_each_says_its_zone(page: Page) -> None:
    moments = iter(["2026-10-25T01:30:00.000Z", "2026-10-25T00:30:00.000Z"])

    def change(route: Route) -> None:
        answer = route.fetch()
        body = re.sub(r'<time datetime="[^"]+"', lambda _: f'<time datetime="{next(moments)}"', answer.text(), count=2)
        route.fulfill(response=answer, body=body)

    page.route("**/events", change)
    page.goto("/events")
    times = [one.inner_text() for one in page.locator("tbody time").all()[:2]]
    assert [one.split(" ", 2)[-1] for one in times] == ["02:30:00 UTC+1", "02:30:00 UTC+2"]


def test_a_key_is_copied_with_one_click(page: Page, seeded: Seeded, ours: Ours) -> None:
    page.goto(f"/sources/{seeded.source_id}")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    keys = {key.text.reveal() for key in ours.sources.keys(seeded.source_id)}
    assert page.evaluate("navigator.clipboard.readText()") in keys


def test_what_is_hidden_is_copied_where_the_browser_gives_no_clipboard(page: Page, seeded: Seeded) -> None:
    """As over plain http, or without the permission. What can't be copied is selected, to be copied by hand."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(f"/events/{seeded.event_id}")
    page.get_by_role("button", name="Copy as curl").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.goto("/playground")
    body = page.get_by_label("Body")
    body.fill("")
    body.press("ControlOrMeta+V")
    assert body.input_value().startswith("curl ")
    page.goto(f"/events/{seeded.event_id}")
    page.evaluate("document.execCommand = () => false")
    page.get_by_role("button", name="Copy as curl").first.click()
    expect(page.get_by_role("button", name="Press Ctrl+C")).to_be_visible()
    assert page.evaluate("getSelection().toString()").startswith("curl ")


def test_a_browser_that_translates_a_page_leaves_names_ids_and_code(page: Page, seeded: Seeded) -> None:
    for path in ("/events", f"/events/{seeded.event_id}", "/destinations", "/audit"):
        page.goto(path)
        left = page.locator(":is(code, pre, bdi, .mono):not([translate=no])")
        assert left.count() == 0
    page.goto("/dispatches")
    page.evaluate("for (const one of document.querySelectorAll('option')) one.textContent = 'übersetzt'")
    page.get_by_label("State").select_option("rejected")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**state=rejected*")


def test_everything_works_without_a_script(chromium: Browser, address: str, seeded: Seeded) -> None:
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, seeded.email)
    page.get_by_role("link", name="Recent events").click()
    page.get_by_label("Mode").select_option("test")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**mode=test*")
    rows = page.get_by_role("row")
    assert rows.count() - 1 == page.locator(".test-tag").count() > 0
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.locator("time").first).to_contain_text("UTC")
    page.goto(f"/sources/{seeded.source_id}")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.goto("/destinations/add/webhook")
    page.get_by_label("Name", exact=True).fill("Scriptless")
    page.get_by_label("Address").fill("https://example.com/")
    page.get_by_label("None yet").check()
    page.get_by_role("button", name="Add Webhook").click()
    expect(page.get_by_role("heading", name="Scriptless")).to_be_visible()
    context.close()


def test_on_a_phone_the_overview_shows_what_is_held_and_what_failed(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    for label in ("Delivered", "In progress", "Held", "Failed", "p50 · p95", "Last seen"):
        box = page.locator(f'td[data-label="{label}"]').first.bounding_box()
        assert box
        assert 0 < box["x"] < box["x"] + box["width"] <= 360


def test_the_allow_lists_keep_names_and_heads_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 400})
    page.goto("/allow")
    table = page.locator(".tall")
    box = table.bounding_box()
    table.evaluate("one => one.scrollTo(150, 120)")
    assert table.evaluate("one => [one.scrollLeft, one.scrollTop].every((moved) => moved > 50)")
    corner, name = (page.locator(one).first.bounding_box() for one in ("thead th", "tbody th"))
    assert box
    assert corner
    assert name
    assert abs(corner["x"] - box["x"]) <= 1 >= abs(name["x"] - box["x"])
    assert abs(corner["y"] - box["y"]) <= 1
    assert page.locator("thead a").first.get_attribute("title") == page.locator("thead bdi").first.inner_text()


def test_of_many_destinations_a_rule_shows_those_that_are_typed_or_ticked(page: Page, ours: Ours) -> None:
    for number in range(12):
        ours.destinations.add(
            "webhook", f"Partner {number:02}", {"url": "https://example.com/"}, events=[], actor="cli"
        )
    page.goto("/governance/rule")
    page.get_by_label("Partner 03").check()
    page.get_by_label("Filter by name").fill("partner 11")
    shown = page.locator("#places .choice:visible")
    assert shown.all_inner_texts() == ["Partner 03", "Partner 11"]
    page.keyboard.press("Enter")
    assert page.url.endswith("/governance/rule"), "what is typed there sends no form"
    assert page.get_by_label("Partner 11").is_visible()
    page.get_by_label("Filter by name").fill("")
    assert shown.count() > 12


@pytest.mark.long
def test_on_a_phone_nothing_sticks_out_breaks_the_policy_or_asks_anybody_else(
    page: Page, ours: Ours, address: str, seeded: Seeded
) -> None:
    """One walk through all pages, and through those of somebody who gives everything the longest name there is."""
    long = "x" * 199
    source = ours.sources.add(long, actor="cli")
    caller = ours.accept.authenticate(source.test_key)
    assert caller
    item = Incoming(name=long * 5, occurred_at=clock.now_ms(), user_id="u1", event_properties={long: {long: long}})
    event_id = ours.accept.accept(caller, [item])[0].event_id
    settings = {"url": "https://example.com/" + long}
    hook = ours.destinations.add("webhook", long, settings, events=[long], mapping={long: long}, actor="cli").id
    mine = (f"/events/{event_id}", f"/sources/{source.source.id}", f"/destinations/{hook}", f"/destinations/{hook}/off")
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    page.get_by_text("Menu").click()
    expect(page.get_by_role("link", name="Recent events")).to_be_visible()
    widths = {}
    for path in (*pages(seeded).values(), *mine):
        page.goto(path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    ours.destinations.remove(hook, actor="cli")
    assert {path: width for path, width in widths.items() if width != 360} == {}
    assert [text for text in said if "404" not in text] == []  # one of the pages is a missing one
    assert {url for url in asked if not url.startswith(address)} == set()


def test_a_page_left_open_shows_nothing_more_once_the_session_has_ended(
    chromium: Browser, ours: Ours, address: str
) -> None:
    person, given = ours.people.add("gone@example.com", "viewer", actor="cli")
    ours.people.change_password(person.id, given, PASSWORD)
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    sign_in(page, person.email)
    page.goto("/events")
    ours.people.end_own_sessions(person.id)
    page.wait_for_url("**/sign-in?next=*")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def test_what_was_typed_outlives_the_session_it_was_typed_in(
    chromium: Browser, ours: Ours, address: str, seeded: Seeded
) -> None:
    person, given = ours.people.add("typing@example.com", "editor", actor="cli")
    ours.people.change_password(person.id, given, PASSWORD)
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    page.clock.install()
    sign_in(page, person.email)
    page.goto(f"/destinations/{seeded.destination_id}/mapping")
    page.get_by_label("Reason", exact=True).fill("Typed for an hour")
    ours.people.end_own_sessions(person.id)
    page.clock.fast_forward(3_600_000)
    page.get_by_role("button", name="Save").click()
    said = page.get_by_role("alert")
    expect(said).to_contain_text("You have been signed out, and nothing was sent.")
    expect(said).to_be_focused()
    with context.expect_page() as opened:
        said.get_by_role("link", name="Sign in").click()
    sign_in(opened.value, person.email)
    opened.value.close()
    page.get_by_label("Field", exact=True).last.fill("kept")
    page.get_by_label("Template").last.fill("{{event.id}}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    version = ours.history.list(f"destination {seeded.destination_id}", 1)[0]
    assert (version.actor, version.why) == (person.email, "Typed for an hour")
    context.close()


def test_a_slow_answer_is_not_asked_for_twice(page: Page) -> None:
    page.clock.install()
    page.goto("/sources")
    page.get_by_label("Add a source").fill("Twice")
    page.evaluate(
        "window.sent = [];addEventListener('submit', one => { sent.push(!one.defaultPrevented); one.preventDefault() })"
    )
    button = page.get_by_role("button", name="Add source")
    for passing in (10_000, 60_000, 0):
        button.click()
        page.clock.fast_forward(passing)
    assert page.evaluate("sent") == [True, False, True]


def test_the_keyboard_reaches_the_content_first(page: Page) -> None:
    page.goto("/events")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()


def test_a_choice_among_filters_goes_nowhere_before_it_is_sent(page: Page) -> None:
    """Whoever chooses with the arrow keys passes by what stands between."""
    for path, label in (("/events", "Mode"), ("/dispatches", "State"), ("/history", "Subject"), ("/audit", "Action")):
        page.goto(path)
        there = page.url
        page.get_by_role("combobox", name=label, exact=True).focus()
        for _ in range(2):
            page.keyboard.press("ArrowDown")
        chosen = page.evaluate("document.activeElement.selectedIndex")
        assert (chosen, page.url) == (2, there)


def test_all_that_is_typed_above_the_events_counts_at_one_click(page: Page) -> None:
    page.goto("/events")
    page.get_by_label("Visitor or id").fill("customer-7")
    page.get_by_label("Event", exact=True).fill("purchase")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**/events?name=purchase&visitor=*")
    assert set(page.locator("#rows td.name a").all_inner_texts()) == {"Purchase"}
    assert "customer-7" not in page.url


def test_names_that_are_typed_are_those_that_may_leave(page: Page) -> None:
    page.goto("/destinations/add/webhook")
    page.get_by_label("All events").check()
    page.get_by_label("Names, one per line").fill("Lead")
    expect(page.get_by_label("These")).to_be_checked()


def test_a_mapping_is_tried_before_it_is_saved(page: Page, ours: Ours, seeded: Seeded) -> None:
    page.goto(f"/destinations/{seeded.destination_id}/mapping")
    before = ours.destinations.get(seeded.destination_id).mapping
    page.get_by_label("New name").fill("Booked")
    page.get_by_role("button", name="Add a row").click()
    page.get_by_label("Field", exact=True).last.fill("amount")
    page.get_by_label("Template").last.fill("{{event.event_properties.amount}}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    expect(page.get_by_text("body.type").first).to_be_visible()
    assert ours.destinations.get(seeded.destination_id).mapping == before
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.goto("/history")
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_text("mapping.amount").first).to_be_visible()
    number = ours.history.list(f"destination {seeded.destination_id}")[0].number
    page.goto(f"/history/destination {seeded.destination_id}/{number - 1}")
    page.get_by_role("button", name="Roll back to version").click()
    expect(page.get_by_text("Rolled back to version")).to_be_visible()
    assert ours.destinations.get(seeded.destination_id).mapping == before


def test_what_the_keyboard_has_reached_is_not_taken_away_by_what_comes(page: Page, ours: Ours, seeded: Seeded) -> None:
    page.goto("/events")
    source = page.locator("#rows td.from a").first
    page.locator("#rows td.name a").first.focus()
    page.keyboard.press("Tab")
    expect(source).to_be_focused()
    caller = ours.accept.authenticate(ours.sources.keys(seeded.source_id)[0].text.reveal())
    assert caller
    ours.accept.accept(caller, [Incoming(name="Came Later", occurred_at=clock.now_ms(), user_id="u1")])
    expect(page.locator("#live")).to_have_text("Waits for you")
    page.wait_for_timeout(4_000)
    expect(source).to_be_focused()
    page.get_by_role("button", name="Pause").focus()
    expect(page.get_by_role("link", name="Came Later")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")


def test_a_list_that_gets_no_answer_does_not_say_that_it_is_live(page: Page, seeded: Seeded) -> None:
    """While the server is away nothing new comes, and the hour looks quiet."""
    page.goto("/events")
    expect(page.locator("#live")).to_have_text("Live")
    page.route("**/events/rows?*", lambda route: route.fulfill(status=503, body="busy"))
    expect(page.locator("#live")).to_have_text("No answer")
    page.unroute("**/events/rows?*")
    page.route("**/events/rows?*", lambda route: route.abort())
    page.wait_for_event("requestfailed")
    expect(page.locator("#live")).to_have_text("No answer")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    assert page.locator("#live").inner_text() == "No answer"
    dot = "getComputedStyle(document.getElementById('live'), '::before').backgroundColor"
    bad = "getComputedStyle(document.documentElement).getPropertyValue('--bad')"
    assert page.evaluate(f"{dot} === (document.body.style.color = {bad}, getComputedStyle(document.body).color)")
    page.unroute("**/events/rows?*")
    expect(page.locator("#live")).to_have_text("Live")


def test_a_form_that_is_not_taken_has_the_keyboard_at_why(page: Page, seeded: Seeded) -> None:
    page.goto(f"/destinations/{seeded.destination_id}/mapping")
    for template in ("{{visitor.city}}", "{{visitor.zip}}"):
        page.get_by_role("button", name="Add a row").click()
        page.get_by_label("Field", exact=True).last.fill("place")
        page.get_by_label("Template").last.fill(template)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_focused()
    faulty = page.locator('[name="map_field"][aria-invalid="true"]')
    expect(faulty).to_have_count(2)
    expect(faulty.first).to_have_accessible_description("place has two rows. Keep one.")


def test_a_line_that_is_not_taken_has_the_keyboard_at_its_field_and_keeps_the_rest(page: Page) -> None:
    page.goto("/people")
    page.get_by_label("Add a person").fill("ada@example.com")
    page.get_by_label("Role", exact=True).select_option("editor")
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_label("Add a person")).to_be_focused()
    expect(page.get_by_label("Add a person")).to_have_accessible_description("Taken already.")
    expect(page.get_by_label("Role", exact=True)).to_have_value("editor")
    page.goto("/tokens")
    page.get_by_label("Name", exact=True).fill("Deployment")
    page.get_by_label("Expires after (days)").fill("7")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("group", name="Scopes")).to_be_focused()
    expect(page.get_by_label("Expires after (days)")).to_have_value("7")


def test_a_second_click_while_the_first_is_on_its_way_sends_nothing(page: Page, ours: Ours) -> None:
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    source = ours.sources.add("Clicked twice", actor="cli").source
    page.goto(f"/sources/{source.id}")
    button = page.get_by_role("button", name="Create key")
    with ours.store.write():  # the first is not answered before the second
        button.evaluate("button => { button.click(); setTimeout(() => button.click(), 200); }")
        page.wait_for_timeout(800)
    expect(page.get_by_role("status")).to_contain_text("The new live key is ready")
    assert len(posts) == 1
    assert len(ours.sources.keys(source.id)) == 3


def test_what_is_for_good_takes_a_second_click(page: Page, ours: Ours) -> None:
    ours.tokens.add("Clicked", ["sources:read"], actor="cli")
    page.goto("/tokens")
    row = page.get_by_role("row").filter(has_text="Clicked")
    row.locator("summary").click()
    assert [one.revoked_at for one in ours.tokens.list() if one.name == "Clicked"] == [None]
    row.get_by_role("button", name="Revoke Clicked").click()
    expect(page.get_by_text("The token is revoked.")).to_be_visible()
    expect(row).to_contain_text("revoked")
    expect(row.locator("summary")).to_have_count(0)


def test_a_page_that_shows_what_was_made_makes_nothing_more_when_it_is_asked_for_again(page: Page, ours: Ours) -> None:
    page.goto("/tokens")
    page.get_by_label("Name", exact=True).fill("Nightly")
    page.get_by_label("balance:read").check()
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("heading", name="New token")).to_be_visible()
    expect(page).to_have_url(re.compile("/tokens$"))  # a script sees to it, a moment after the heading
    page.reload()
    expect(page.get_by_role("heading", name="New token")).to_have_count(0)
    assert [one.name for one in ours.tokens.list()].count("Nightly") == 1


def test_a_password_is_reset_at_the_second_click(page: Page, ours: Ours) -> None:
    person, given = ours.people.add("slip@example.com", "viewer", actor="cli")
    ours.people.change_password(person.id, given, PASSWORD)
    page.goto("/people")
    row = page.locator("tr", has_text="slip@example.com")
    row.locator("summary", has_text="Reset password").click()
    assert ours.people.sign_in("slip@example.com", PASSWORD)
    expect(row.get_by_text("every open session ends")).to_be_visible()
    row.get_by_role("button", name="Reset password of slip@example.com").click()
    expect(page.get_by_role("heading", name="Password to hand over")).to_be_visible()
    handed = page.locator("#handed").inner_text()
    expect(page).to_have_url(re.compile("/people$"))
    page.reload()
    expect(page.get_by_role("heading", name="Password to hand over")).to_have_count(0)
    assert ours.people.sign_in("slip@example.com", handed)
    ours.people.remove(person.id, actor="cli")


def test_enter_behind_a_code_neither_renews_recovery_codes_nor_turns_the_second_factor_off(
    chromium: Browser, address: str, ours: Ours
) -> None:
    person, given = ours.people.add("enter@example.com", "viewer", actor="cli")
    ours.people.change_password(person.id, given, PASSWORD)
    _, recovery = set_up(ours.second_factors, person.id)
    page = chromium.new_page(base_url=address)
    page.goto("/sign-in")
    page.get_by_label("Email").fill("enter@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(recovery[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto("/second-factor")
    page.get_by_label("Code").fill(recovery[1])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Your second factor is off")).to_be_visible()
    page.close()
    ours.people.remove(person.id, actor="cli")


@pytest.mark.parametrize("width", [768, 1000, 1280])
def test_no_name_however_long_makes_a_page_wider_than_the_screen(page: Page, ours: Ours, width: int) -> None:
    name = "Partner with a name that goes on and on, so that nobody knows where it may break, in three words or in four"
    place = ours.destinations.add(
        "webhook", name, {"url": "https://example.com/"}, events=["*"], mapping={"mail": "{{visitor.email}}"},
        override="a test", actor="cli",
    ).id  # fmt: skip
    source = ours.sources.add(name, actor="cli").source.id
    ours.sources.rotate(source, "live", 3600, actor="cli")
    ours.destinations.turn_off(place, actor="cli")
    caller = ours.accept.authenticate(ours.sources.keys(source)[0].text.reveal())
    assert caller
    ours.accept.accept(caller, [Incoming(name="Long", occurred_at=clock.now_ms(), user_id="long", external_id="long")])
    _work(ours)
    visitor = ours.visitors.find("long", actor=ADA)[0].id
    ours.tokens.add("Nightly deployment", ["sources:read", "dispatches:replay"], days=365, actor=ADA)
    page.set_viewport_size({"width": width, "height": 800})
    widths = {}
    for path in ("/dispatches", "/plugins", f"/sources/{source}", f"/visitors/{visitor}", "/", "/history", "/tokens"):
        page.goto(path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    ours.destinations.remove(place, actor="cli")
    ours.sources.delete(source, actor="cli")
    assert {path: found for path, found in widths.items() if found > width} == {}


def test_on_paper_an_event_is_whole_and_dark_on_white(page: Page, seeded: Seeded) -> None:
    """Whoever prints it for an auditor may have a dark desktop, and a request may be longer than its box."""
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(f"/events/{seeded.event_id}")
    ink = page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert max(ink) < 80
    requests = page.locator(".exchange pre:visible")
    assert requests.count()
    assert page.evaluate(
        "[...document.querySelectorAll('.exchange pre')].every(one => one.scrollHeight <= one.clientHeight)"
    )
    assert page.locator("button:visible, .filters:visible, .side:visible").count() == 0


def test_on_paper_a_list_has_all_of_its_columns(page: Page, seeded: Seeded) -> None:
    page.goto("/events")
    columns = page.locator("th:visible").all_inner_texts()
    page.emulate_media(media="print")
    assert page.locator("th:visible").all_inner_texts() == columns
    assert "Visitor" in columns
    page.set_viewport_size({"width": 794, "height": 1123})  # of A4
    page.goto("/")
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.scrollWidth <= one.clientWidth)")


@pytest.mark.parametrize(("width", "size"), [(1024, "100%"), (768, "100%"), (1440, "200%")])
def test_on_a_tablet_and_at_twice_the_text_no_column_is_out_of_sight(
    page: Page, ours: Ours, seeded: Seeded, width: int, size: str
) -> None:
    long = ours.destinations.add(
        "webhook", "ERP of the group, " * 6, {"url": "https://example.com/"}, events=[], actor="cli"
    ).id
    page.set_viewport_size({"width": width, "height": 900})
    wide = {}
    for path in ("/", "/replays", f"/events/{seeded.event_id}/explain"):
        page.goto(path)
        page.evaluate(f"document.documentElement.style.fontSize = parseFloat('{size}') * .875 + '%'")
        wide[path] = page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('.scroll')]"
            ".filter(one => one.scrollWidth > one.clientWidth && one.checkVisibility()).length"
        )
    ours.destinations.remove(long, actor="cli")
    assert {path: count for path, count in wide.items() if count} == {}


def test_on_paper_the_allow_lists_have_every_destination(page: Page, ours: Ours) -> None:
    name = "{}, for the group, all its countries, orders and returns; ask before you change anything"
    made = [ours.destinations.add("webhook", name.format(number), {"url": "https://example.com/"}, events=[],
                                  actor="cli").id for number in range(34)]  # fmt: skip
    page.set_viewport_size({"width": 1046, "height": 718})  # of A4 across, within its margins
    page.emulate_media(media="print")
    page.goto("/allow")
    names = page.locator(".ticks thead bdi")
    fits = "one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight"
    cut = names.evaluate_all(f"all => all.filter(one => !({fits})).map(one => one.textContent)")
    widths = page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.ticks').scrollWidth]")
    for one in made:
        ours.destinations.remove(one, actor="cli")
    assert names.count() >= 38
    assert (cut, max(widths) <= 1046) == ([], True)
    assert page.locator(".form:visible").count() == 0


def test_on_paper_a_source_has_no_form_and_nothing_runs_out_of_its_box(page: Page, seeded: Seeded) -> None:
    """Without its button, "New live key, the old key keeps working for 1 day" would read as if it were so."""
    page.set_viewport_size({"width": 794, "height": 1123})  # of A4
    page.emulate_media(media="print")
    page.goto(f"/sources/{seeded.source_id}")
    assert page.locator("form .actions:visible").count() == 0
    page.evaluate("document.querySelector('.strip time').textContent = '12 min ago'")
    assert page.evaluate("[...document.querySelectorAll('.strip dd')].every(one => one.scrollWidth <= one.clientWidth)")


def test_what_can_be_clicked_is_no_smaller_than_a_finger_may_miss(page: Page, seeded: Seeded) -> None:
    """24 pixels, as WCAG 2.2 asks. A link inside a sentence is let off."""
    small = """[...document.querySelectorAll('button, summary, select, .pages a')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 24)
        .map(one => one.textContent.trim())"""
    found = {}
    for path in (
        "/events",
        f"/events/{seeded.event_id}",
        "/sources",
        "/reference",
        "/audit",
        "/people",
        "/governance/rule",
    ):
        page.goto(path)
        found[path] = page.evaluate(small)
    assert {path: names for path, names in found.items() if names} == {}


def test_an_example_in_a_field_can_be_read_in_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/visitors")
    example, muted = page.evaluate(
        "[getComputedStyle(document.querySelector('main [placeholder]'), '::placeholder').color,"
        " getComputedStyle(document.querySelector('.lead')).color]"
    )
    assert example == muted


@pytest.mark.parametrize("width", [320, 720, 1024])
def test_at_twice_the_size_why_something_did_not_arrive_is_still_a_sentence(
    page: Page, seeded: Seeded, width: int
) -> None:
    """A screen of 1440 at 200 % has room for 720."""
    page.set_viewport_size({"width": width, "height": 450})
    page.goto("/dispatches")
    why = page.locator('td[data-label="Why"]').first.bounding_box()
    assert why
    assert why["width"] > 160
    widths = {}
    for path in (
        "/tokens",
        "/fields?path=visitor.email",
        f"/events/{seeded.event_id}/explain",
        f"/sources/{seeded.source_id}",
    ):
        page.goto(path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: found for path, found in widths.items() if found > width} == {}


def test_where_colours_are_forced_a_state_keeps_its_dot(page: Page) -> None:
    page.emulate_media(forced_colors="active", color_scheme="dark")
    page.goto("/")
    dots = page.evaluate(
        "[...document.querySelectorAll('.strip .state')].map(one => getComputedStyle(one, '::before').backgroundColor)"
    )
    assert len(set(dots)) >= 5
