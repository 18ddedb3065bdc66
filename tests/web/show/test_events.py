"""Recent Events and the event page, as a person without a script sees them."""

import csv
import hashlib
import io
import re
import uuid
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ours import clock
from ours.bootstrap import Ours
from ours.core import subjects
from tests.receiver import Receiver
from tests.web.show.conftest import Browser

Send = Callable[..., str]
Work = Callable[[], None]


def _names(page: str) -> list[str]:
    return re.findall(r'<a id="event-\w+"[^>]*><bdi>([^<]*)</bdi>', page)


def test_events_stand_in_the_order_they_occurred_and_test_ones_say_so(editor: Browser, send: Send) -> None:
    now = clock.now_ms()
    send("Second", occurred_at=now - 5_000)
    send("Third", "test", occurred_at=now - 9_000)
    send("First", occurred_at=now)
    page = editor.page("/events")
    assert _names(page) == ["First", "Second", "Third"]
    assert page.count('class="test-tag"') == page.count('<tr class="is-test">') == 1


def test_what_has_yet_to_occur_can_be_left_out(editor: Browser, send: Send) -> None:
    """A clock was a month ahead for a while: what comes would be on no first page for as long."""
    now = clock.now_ms()
    send("Ahead", occurred_at=now + 30 * clock.DAY)
    send("Now", occurred_at=now)
    page = editor.page("/events?mode=live")
    assert _names(page) == ["Ahead", "Now"]
    link = re.search(r'<a href="([^"]+)">Leave them out', page)
    assert link
    page = editor.page(unescape(link[1]))
    assert _names(page) == ["Now"]
    assert "mode=live" in link[1]
    assert "Leave them out" not in page + editor.page("/events?name=Now")


def test_filters_narrow_and_stay_in_the_form_and_in_the_address_of_the_next_page(editor: Browser, send: Send) -> None:
    for number in range(60):
        send("Purchase", "test" if number % 2 else "live", occurred_at=clock.now_ms() - number)
    send("Other", "test")
    page = editor.page("/events?name=PURCHASE&mode=test")
    assert _names(page) == ["Purchase"] * 30
    assert '<option value="test" selected>test</option>' in page
    assert 'value="PURCHASE"' in page
    page = editor.page("/events?name=purchase")
    older = re.search(r'href="([^"]+)" rel="next"', page)
    assert older
    assert "name=purchase" in older[1]
    assert len(_names(editor.page(unescape(older[1])))) == 10


def test_going_older_and_newer_again_shows_the_same_page(editor: Browser, send: Send) -> None:
    moment = clock.now_ms()
    for number in range(120):
        send(f"E{number:03}", occurred_at=moment - number // 3)  # many at one moment
    first = editor.page("/events")
    second = editor.page(_link(first, "next"))
    third = editor.page(_link(second, "next"))
    assert len({*_names(first), *_names(second), *_names(third)}) == 120
    assert _names(editor.page(_link(third, "prev"))) == _names(second)
    assert _names(editor.page(_link(second, "prev"))) == _names(first)


def _link(page: str, rel: str) -> str:
    found = re.search(rf'href="([^"]+)" rel="{rel}"', page)
    assert found
    return unescape(found[1])


def test_only_the_first_page_refreshes_itself(editor: Browser, send: Send) -> None:
    for _ in range(51):
        send()
    first = editor.page("/events")
    assert 'hx-trigger="every 3s"' in first
    assert "hx-trigger" not in editor.page(_link(first, "next"))


def test_the_refreshing_rows_come_only_when_something_changed(editor: Browser, send: Send, work: Work) -> None:
    send()
    rows = re.search(r'hx-get="([^"]+)"', editor.page("/events"))
    assert rows
    address = unescape(rows[1])
    assert editor.get(address).status_code == 204
    work()
    changed = editor.get(address)
    assert changed.status_code == 200
    assert "<html" not in changed.text


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=1-zz",
        "source=abc",
        "source=99999999999999999999",
        "destination=99999999999999999999",
        "mode=both",
        "visitor=%27--",
        "after=-1-0",
    ],
)
def test_a_damaged_address_shows_the_first_page(editor: Browser, send: Send, query: str) -> None:
    send("Purchase")
    page = unescape(editor.page(f"/events?{query}"))
    assert _names(page) == ["Purchase"]
    said = re.sub("<[^>]+>", "", page)
    is_filter = query.partition("=")[0] not in {"before", "after"}
    assert (f"This list is not filtered by {query.replace('%27--', '?')}: it has no meaning here." in said) == is_filter


def test_what_of_an_address_means_nothing_is_said_and_no_file_is_made_without_it(editor: Browser, send: Send) -> None:
    event_id = send("Purchase")
    given = f"state=gone&from=2026-13-41&id={event_id},x&name=purchase"
    page = editor.page(f"/events?{given}")
    said = re.sub("<[^>]+>", "", page)
    assert "not filtered by from=2026-13-41, state=gone and id=?: they have no meaning here." in said
    assert _names(page) == ["Purchase"]
    for ending in ("csv", "json"):
        answer = editor.get(f"/events.{ending}?{given}")
        assert answer.status_code == 400
        assert "“from” has a value without meaning here" in answer.text
        link = re.search(rf'href="(/events\.{ending}[^"]*)"', page)
        assert link
        assert editor.get(unescape(link[1])).status_code == 200
    answer = editor.post("/events/find", follow=False, visitor="jane@example.com", name="Purchase")
    assert answer.location == "/events?visitor=?&name=Purchase"


def test_the_event_page_says_where_it_went_and_why_not_elsewhere(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    receiver.answer(503, body=b'{"error": "moving"}')
    here.destinations.add("webhook", "Warehouse", {"url": receiver.url}, events=["*"], actor="cli")
    here.destinations.add("webhook", "Partner", {"url": receiver.url}, events=[], actor="cli")
    event_id = send("Purchase", event_properties={"cart": {"items": [{"sku": "A-1"}]}})
    work()
    page = unescape(editor.page(f"/events/{event_id}"))
    assert "cart.items[0].sku" in page
    assert "The destination had a server error (status 503)." in page
    assert '"error": "moving"' in page
    assert "The event is not on this destination's allow list." in page
    assert "add the event's name to the allow list" in page


def test_a_reason_that_several_destinations_have_without_a_try_is_said_once(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    for name in ("One", "Two", "Three"):
        made = here.destinations.add("webhook", name, {"url": receiver.url}, events=["*"], actor="cli")
        if name != "Three":
            here.destinations.pause(made.id, actor="cli")
    page = editor.page(f"/events/{send()}")
    work()
    event = here.overview.event(re.findall(r"/events/([0-9a-f]{32})/explain", page)[0])
    page = editor.page(f"/events/{event.row.id}")
    assert page.count("is paused and keeps its backlog.") == page.count("<code>destination_paused</code>") == 1
    for dispatch in event.dispatches:
        assert page.count(f'id="dispatch-{dispatch.id}"') == 1
        assert f'aria-label="Explain, for {dispatch.destination}"' in page


def test_a_list_tells_of_allow_lists_only_where_nothing_else_is_to_tell_or_it_is_asked(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    """The same number on each row would hide the one that a rule stopped."""
    here.destinations.add("webhook", "Warehouse", {"url": receiver.url}, events=["Purchase"], actor="cli")
    partner = here.destinations.add("webhook", "Partner", {"url": receiver.url}, events=["Lead"], actor="cli").id
    send("Purchase")
    send("Other")
    work()
    page = editor.page("/events")
    assert _went(page) == ["on no allow list", "1 delivered"]
    assert 'title="Warehouse, Partner"' in page
    assert _went(editor.page("/events?state=stopped")) == ["on no allow list", "1 delivered not on 1 allow list"]
    asked = editor.page(f"/events?destination={partner}")
    assert _went(asked) == ["on no allow list", "1 delivered not on 1 allow list"]


def _went(page: str) -> list[str]:
    cells = re.findall(r'<td class="went">(.*?)</td>', page, re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", cell).split()) for cell in cells]


def test_the_event_page_of_a_test_event_shows_what_would_have_been_sent(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    here.destinations.add("webhook", "Warehouse", {"url": receiver.url}, events=["*"], actor="cli")
    event_id = send("Purchase", "test")
    work()
    page = editor.page(f"/events/{event_id}")
    assert "What would have been sent" in page
    assert f"POST {receiver.url}" in page
    assert "sent and answered in" not in page
    assert receiver.requests == []


def test_a_try_that_the_plugin_refused_by_itself_says_that_nothing_was_sent(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    """Who looks for it at the vendor would look in vain."""
    settings = {"ad_account_id": "549755885175", "access_token": "t" * 30, "endpoint": receiver.url}
    here.destinations.add("pinterest", "Ads", settings, events=["Odd"], actor="cli")
    event_id = send("Odd")
    work()
    page = editor.page(f"/events/{event_id}")
    assert "unknown_event_name" in page
    assert "Nothing was sent, so there is no answer." in page
    assert "No answer came" not in page
    assert "sent and answered in" not in page
    assert receiver.requests == []


def test_an_event_under_way_refreshes_itself_until_all_is_settled(editor: Browser, send: Send, work: Work) -> None:
    event_id = send()
    page = editor.page(f"/events/{event_id}")
    address = re.search(r'hx-get="([^"]+)"', page)
    assert "Not routed yet" in page
    assert address
    assert editor.get(unescape(address[1])).status_code == 204
    work()
    assert "hx-get" not in editor.get(unescape(address[1])).text


def test_people_stay_masked_and_out_of_addresses_and_titles(
    browser_of: Callable[[str], Browser], send: Send, work: Work
) -> None:
    viewer = browser_of("viewer")
    event_id = send(
        user_id=None,
        external_id="ada@example.com",
        distinct_id="ada@example.com",
        email_sha256="5e884898da28047151d0e56f8dc62927",
        user_properties={"first_name": "Adalberta", "email": "ada@example.com", "phone_number": "+15550100000"},
        identity_context={"ip": "203.0.113.7"},
    )
    work()
    for path in ("/events", f"/events/{event_id}"):
        page = viewer.page(path)
        for secret in ("ada@example.com", "Adalberta", "15550100000", "203.0.113.7", "5e884898d"):
            assert secret not in page, (path, secret)
        assert f"<title>Event {event_id[-8:]} · Ours" in page or "<title>Recent events · Ours" in page
    assert "a•••@e•••.com" in viewer.page(f"/events/{event_id}")


LEAKS: dict[str, Any] = {
    "user_properties": {"first_name": "Adaxyz", "last_name": "Lovelacexyz", "email": "ada.l@example.com",
                        "phone_number": "+491705550000"},
    "default_properties": {
        "current_url": "https://clinic.example/confirm?email=ada.l%40example.com&phone=%2B491705550000&name=Lovelacexyz",
        "title": "Hello Adaxyz Lovelacexyz", "referrer": "https://clinic.example/reset?token=RESETSECRET",
    },
    "event_properties": {
        "note": "Call ada.l@example.com or +49 170 5550001", "patient_name": "Lovelacexyz-1",
        "patientName": "Lovelacexyz-2", "customer_name": "Lovelacexyz-3", "contactName": "Lovelacexyz-4",
        "tel": "+4917055555", "card": "4111111111111111",
        "iban": "DE89370400440532013000", "mrn": "MRN-777", "geo": {"lat": 51.50001}, "product_name": "Premium plan",
    },
}  # fmt: skip
IN_CLEAR = (
    "adaxyz",
    "lovelacexyz",
    "ada.l",
    "4917055",
    "5550001",
    "resetsecret",
    "411111",
    "de8937",
    "mrn-777",
    "51.50001",
)


def test_what_names_a_person_is_masked_for_viewers_wherever_an_event_carries_it(
    browser_of: Callable[[str], Browser], here: Ours, send: Send, work: Work
) -> None:
    mapping = {"url": "{{event.default_properties.current_url}}", "said": "{{event.default_properties.title}}"}
    here.destinations.add("webhook", "Hook", {"url": "http://127.0.0.1:9/"}, events=["*"], mapping=mapping, actor="cli")
    event_id = send(mode="test", **LEAKS)
    work()
    viewer = browser_of("viewer")
    for path in (f"/events/{event_id}", f"/events/{event_id}/explain"):
        page = viewer.page(path)
        assert [leak for leak in IN_CLEAR if leak in page.lower()] == [], path
        assert "https://clinic.example/confirm?email=a•••@e•••.com&amp;phone=•••&amp;name=L•••" in page
        assert "Hello ••• •••" in page
    page = viewer.page(f"/events/{event_id}")
    assert "Premium plan" in page
    assert "Personal data is masked; editors see it in clear." in page
    assert [entry for entry in here.audit.list() if entry.verb == "read"] == []


def test_an_editor_sees_an_event_in_clear_and_is_written_down(
    editor: Browser, here: Ours, send: Send, work: Work
) -> None:
    event_id = send(**LEAKS)
    work()
    page = editor.page(f"/events/{event_id}")
    assert "Hello Adaxyz Lovelacexyz" in page
    assert page.count("ada.l@example.com") >= 2
    assert "You see personal data in clear. The audit log records that you did." in page
    entry = here.audit.list(1)[0]
    assert (entry.verb, entry.subject) == ("read", f"event {event_id}")


def test_a_viewer_sees_bodies_without_what_is_personal(
    browser_of: Callable[[str], Browser], here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    mapping = {"email": "{{visitor.email}}"}
    here.destinations.add("webhook", "Warehouse", {"url": receiver.url}, events=["*"], mapping=mapping, actor="cli")
    event_id = send(user_properties={"email": "ada@example.com"})
    work()
    assert b"ada@example.com" in receiver.requests[0].body
    path = f"/events/{event_id}"
    assert "ada@example.com" in browser_of("editor").page(path)
    assert "ada@example.com" not in browser_of("viewer").page(path)


def test_secrets_of_a_destination_are_nowhere_on_its_events(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    headers = {"X-Team": "canary-4711"}
    settings = {"url": f"{receiver.url}/?token=canary-0815", "headers": headers}
    made = here.destinations.add("webhook", "Warehouse", settings, events=["*"], actor="cli")
    ids = [send("Purchase", mode) for mode in ("live", "test")]
    work()
    assert receiver.requests[0].headers["X-Team"] == "canary-4711"
    for path in (*(f"/events/{one}" for one in ids), f"/destinations/{made.id}", f"/destinations/{made.id}/edit"):
        assert "canary-4711" not in editor.page(path), path
    for path in (*(f"/events/{one}" for one in ids), f"/destinations/{made.id}"):
        assert "canary-0815" not in editor.page(path), path


def test_a_viewer_sees_an_address_as_far_as_its_server(
    browser_of: Callable[[str], Browser], here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    """What stands behind it is all that keeps many a hook from being used by anybody."""
    made = here.destinations.add("webhook", "Chat", {"url": f"{receiver.url}/T000/canary-1"}, events=["*"], actor="cli")
    ids = [send("Purchase", mode) for mode in ("live", "test")]
    work()
    here.destinations.update(made.id, settings={"url": f"{receiver.url}/T000/canary-2"}, actor="cli")
    subject = f"destination {made.id}"
    paths = [
        f"/destinations/{made.id}",
        f"/history/{subject}/1",
        f"/history/{subject}/2",
        *(f"/events/{one}" for one in ids),
    ]
    viewer, editor = browser_of("viewer"), browser_of("editor")
    for path in paths:
        assert "/T000/canary-" in editor.page(path), path
    for path in (*paths, *(f"/events/{one}/explain" for one in ids)):
        page = viewer.page(path)
        assert f"{receiver.url}/••••" in page, path
        assert "canary-" not in page, path


def test_a_dispatch_is_found_on_its_events_page(
    editor: Browser, here: Ours, send: Send, work: Work, tmp_path: Path
) -> None:
    here.destinations.add("file", "Copy", {"folder": str(tmp_path / "copy")}, events=["*"], actor="cli")
    event_id = send()
    work()
    [mark] = here.overview.recent_events().rows[0].dispatches
    answer = editor.get(f"/dispatches/{mark.id}")
    assert answer.location == f"/events/{event_id}#dispatch-{mark.id}"
    assert f'id="dispatch-{mark.id}"' in editor.page(f"/events/{event_id}")


def test_who_reads_an_events_requests_alone_in_clear_is_written_down(
    browser_of: Callable[[str], Browser], here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    here.destinations.add("webhook", "One", {"url": receiver.url}, events=["*"], actor="cli")
    event_id = send(event_properties={"first_name": "Adalovelace"})
    work()
    part = f"/events/{event_id}/dispatches"
    assert "Adalovelace" not in browser_of("viewer").page(part)
    assert here.audit.list(1)[0].verb != "read"
    assert "Adalovelace" in browser_of("editor").page(part)
    entry = here.audit.list(1)[0]
    assert (entry.actor, entry.verb, entry.subject) == ("editor@example.com", "read", f"event {event_id}")


@pytest.mark.parametrize("path", ["/events/abc", f"/events/{'0' * 32}", "/dispatches/abc", f"/dispatches/{'f' * 32}"])
def test_what_is_not_there_is_404_in_a_sentence(editor: Browser, path: str) -> None:
    answer = editor.get(path)
    assert answer.status_code == 404
    assert "It may never have existed, or retention has deleted it." in answer.text


def test_events_are_found_by_where_their_dispatches_stand(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    one = here.destinations.add("webhook", "One", {"url": receiver.url}, events=["Purchase"], actor="cli").id
    two = here.destinations.add("webhook", "Two", {"url": receiver.url}, events=["Purchase", "Lead"], actor="cli").id
    for name in ("Purchase", "Lead", "Other"):
        send(name)
    work()
    assert _names(editor.page(f"/events?destination={one}&state=delivered")) == ["Purchase"]
    assert _names(editor.page(f"/events?destination={two}&state=delivered")) == ["Lead", "Purchase"]
    assert _names(editor.page(f"/events?destination={one}&state=stopped")) == ["Other", "Lead"]
    assert _names(editor.page("/events?state=held")) == []


def test_events_are_found_by_a_property_and_by_their_address(editor: Browser, send: Send) -> None:
    send("Right", event_properties={"cart": {"items": [{"sku": "A-1", "price": 9.5}]}})
    send("Wrong", event_properties={"cart": {"items": [{"sku": "B-2", "price": 9.75}]}})
    send("Paged", default_properties={"current_url": "https://shop.example.com/Checkout?step=2"})
    assert _names(editor.page("/events?property=cart.items.0.sku=A-1")) == ["Right"]
    assert _names(editor.page("/events?property=cart.items.0.price=9.5")) == ["Right"]
    assert _names(editor.page("/events?property=cart.items=9.5")) == []
    assert _names(editor.page("/events?url=/checkout")) == ["Paged"]


@pytest.mark.parametrize("role", ["editor", "viewer"])
def test_events_that_have_a_property_at_all_are_found_by_its_name(
    browser_of: Callable[[str], Browser], send: Send, role: str
) -> None:
    send("Mailed", user_properties={"email": "ada@example.com"}, event_properties={"amount": 0, "items": [{"sku": 1}]})
    send("Bare", user_properties={"first_name": "Ada"}, event_properties={"note": "", "gone": None})
    browser = browser_of(role)
    for asked in ("email", "amount", "items", "items.0.sku"):
        assert _names(browser.page(f"/events?property={asked}")) == ["Mailed"], asked
    for asked in ("note", "gone", "email="):
        assert _names(browser.page(f"/events?property={asked}")) == [], asked
    assert _names(browser.page("/events?property=note=")) == ["Bare"]


def test_a_viewer_can_not_spell_out_what_is_masked(browser_of: Callable[[str], Browser], send: Send) -> None:
    viewer, editor = browser_of("viewer"), browser_of("editor")
    address = "https://shop.example.com/hello/Ada?step=2&token=opensesame&email=ada@example.com"
    send(default_properties={"current_url": address}, user_properties={"first_name": "Ada"},
         event_properties={"title": "Hello Ada", "plan": "gold"})  # fmt: skip
    for asked in ("url=token=o", "url=email=ada", "url=/hello/a", "property=title=Hello Ada"):
        assert _names(viewer.page(f"/events?{asked}")) == [], asked
        assert _names(editor.page(f"/events?{asked}")) == ["Purchase"], asked
        assert viewer.get(f"/events.json?{asked}").json == []
    for asked in ("url=step=2%26token=", "url=SHOP.example", "property=plan=gold"):
        assert _names(viewer.page(f"/events?{asked}")) == ["Purchase"], asked


def test_events_are_found_in_a_window_of_time(editor: Browser, send: Send) -> None:
    now = clock.now_ms()
    send("Now", occurred_at=now)
    send("Before", occurred_at=now - 2 * clock.HOUR)
    edge = (clock.iso(now - clock.HOUR) or "")[:16]
    assert _names(editor.page(f"/events?from={edge}")) == ["Now"]
    assert _names(editor.page(f"/events?to={edge}")) == ["Before"]
    assert _names(editor.page("/events?from=yesterday")) == ["Now", "Before"]
    nothing = editor.page("/events?from=2020-01-01T00:00&to=2020-01-01T12:30")
    said = re.sub(r"<[^>]+>", "", nothing)
    assert (
        "Searched for events that occurred from 2020-01-01 00:00:00 UTC until before 2020-01-01 12:30:00 UTC." in said
    )


@pytest.mark.parametrize(("typed", "field"), [
    ("2026-11-26T14:30%2B02:00", "2026-11-26T12:30"), ("2026-11-26T00:00:05.250Z", "2026-11-26T00:00:05.250"),
    ("2026-11-26", "2026-11-26T00:00"), ("2026-11-26T14:30", "2026-11-26T14:30"),
])  # fmt: skip
def test_a_moment_that_an_address_says_with_its_zone_is_that_moment(editor: Browser, typed: str, field: str) -> None:
    page = editor.page(f"/events?from={typed}&name=x")
    shown = field[:19].replace("T", " ") + ":00" * (len(field) == 16)
    assert f"from {shown} UTC" in re.sub(r"<[^>]+>", "", page)
    assert f'name="from" type="datetime-local" data-utc value="{field}"' in page, "the field keeps it"


@pytest.mark.parametrize("edge", ["0001-01-01T00:00%2B02:00", "9999-12-31T23:59-02:00"])
def test_a_moment_beyond_the_calendar_means_nothing(editor: Browser, edge: str) -> None:
    assert "This list is not filtered by" in editor.page(f"/events?from={edge}")


def test_a_search_goes_no_further_than_it_says_and_on_from_there(
    editor: Browser, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.overview.events.MOST_SEARCHED", 20)
    monkeypatch.setattr("ours.services.overview.events._PART", 10)
    now = clock.now_ms()
    for number in range(45):
        send("Far" if number == 44 else "Near", event_properties={"n": number}, occurred_at=now - number)
    page = editor.page("/events?property=n=44")
    looked = 0
    while not _names(page):
        looked += 1
        assert "20 events searched" in page
        page = editor.page(_link(page, "next"))
    assert looked == 2
    assert _names(page) == ["Far"]


@pytest.mark.parametrize(
    "asked",
    [
        "property=email=ada@example.com",
        "property=ada@example.com",
        "url=ada@example.com",
        "url=email=ada%2540example.com",
        "url=+1 555 010 0000",
    ],
)
def test_a_person_is_not_looked_for_in_an_address_that_is_kept(editor: Browser, asked: str) -> None:
    answer = editor.get(f"/events?{asked}")
    assert answer.status_code == 400
    assert "identifies a person" in answer.text
    field = re.search("under “(.*?)” instead", answer.text)
    assert field
    assert f"<label>{field[1]} <input" in editor.page("/events")
    assert not re.search(r"ada\W|555 010", answer.text)


@pytest.mark.parametrize("typed", ["Ada@Example.com ", "customer-7", "+1 555 010 0000"])
def test_whoever_is_typed_in_clear_stands_in_the_address_as_a_hash_alone(
    editor: Browser, send: Send, work: Work, typed: str
) -> None:
    known = {"email": "ada@example.com", "phone_number": "+15550100000"}
    mail = hashlib.sha256(b"ada@example.com").hexdigest()
    for mode in ("live", "test"):
        send("Hers", mode, user_id=None, external_id="customer-7", email_sha256=mail, user_properties=known)
        send("His", mode, user_id="u2")
    send("Hers too", user_id=None, external_id="customer-7")
    work()
    answer = editor.post("/events/find", follow=False, name="hers", who=typed)
    assert answer.status_code == 302
    assert re.fullmatch(r"/events\?name=hers&visitor=[0-9a-f]{32}(,|%2C)[0-9a-f]{32}", answer.location)
    page = editor.page(answer.location)
    assert _names(page) == ["Hers", "Hers"]
    assert typed.strip() not in page
    only_live = editor.post("/events/find", follow=False, mode="live", who=typed).location
    assert _names(editor.page(only_live)) == ["Hers too", "Hers"]


def test_whoever_is_not_there_is_not_told_again(editor: Browser, send: Send) -> None:
    send()
    for typed in ("nobody@example.com", ""):
        answer = editor.post("/events/find", follow=False, mode="live", who=typed)
        assert answer.location == "/events?mode=live"
        page = editor.page(answer.location)
        for words in ("No match. Identifiers must be complete", "use More filters: order_id=1234"):
            assert (words in page) == bool(typed)
        assert "nobody@" not in page
    assert "nobody@" not in editor.page("/events?visitor=nobody@example.com")


def test_whoever_is_there_in_the_other_mode_alone_is_not_said_to_be_nobody(
    editor: Browser, send: Send, work: Work
) -> None:
    send(mode="test")
    work()
    page = editor.post("/events/find", mode="live", who="u1").text
    assert "There is a match, but not in this mode." in page
    assert "Nobody" not in page


def test_the_id_of_an_event_or_of_a_dispatch_leads_to_it(editor: Browser, here: Ours, send: Send, work: Work) -> None:
    here.destinations.add("webhook", "Shop", {"url": "https://example.com"}, events=["*"], actor="cli")
    event_id = send()
    work()
    (dispatch,) = here.overview.event(event_id).dispatches
    for typed in (event_id, str(uuid.UUID(event_id)).upper()):
        assert editor.post("/events/find", follow=False, who=typed).location == f"/events/{event_id}"
    answer = editor.post("/events/find", follow=False, who=f" {dispatch.id} ")
    assert answer.location == f"/events/{event_id}#dispatch-{dispatch.id}"
    assert editor.post("/events/find", follow=False, who="0" * 32).location == "/events"


def test_a_distinct_id_leads_to_its_event_and_that_it_was_looked_for_is_written_down(
    browser_of: Callable[[str], Browser], here: Ours, send: Send
) -> None:
    viewer = browser_of("viewer")
    event_id = send(distinct_id="order-7")
    assert viewer.post("/events/find", follow=False, who=" order-7").location == f"/events/{event_id}"
    assert here.audit.latest("find", subjects.event(event_id))
    second = send("Refund", "test", distinct_id="order-7")
    answer = viewer.post("/events/find", follow=False, source="1", who="order-7")
    assert answer.location == f"/events?source=1&id={second},{event_id}"
    page = viewer.page(answer.location)
    assert _names(page) == ["Refund", "Purchase"]
    assert "order-7" not in answer.location + page
    assert viewer.post("/events/find", follow=False, mode="test", who="order-7").location == f"/events/{second}"
    page = viewer.post("/events/find", name="Visit", who="order-7").text
    assert "A distinctId is searched for only among the names of the latest events" in page


def test_it_is_said_when_more_came_with_a_distinct_id_than_are_listed(editor: Browser, send: Send) -> None:
    for number in range(12):
        send(f"E{number}", distinct_id="7")
    words = "Only the newest 12 with this distinctId are shown."
    assert words not in editor.post("/events/find", who="7").text
    send("Last", distinct_id="7")
    page = editor.post("/events/find", who="7").text
    assert words in page
    assert len(_names(page)) == 12
    assert "Last" in _names(page)


def test_whoever_is_named_as_an_event_is_is_shown_and_the_event_is_one_click_away(
    editor: Browser, send: Send, work: Work
) -> None:
    send(user_id="77")
    event_id = send("Order Paid", user_id="u2", distinct_id="77")
    work()
    page = editor.post("/events/find", who="77").text
    assert _names(page) == ["Purchase"]
    assert f'<a href="/events?id={event_id}">see its events</a>' in page
    assert _names(editor.page(f"/events?id={event_id},<b>")) == ["Order Paid"]
    anew = editor.post("/events/find", follow=False, id=event_id, mode="live", who="u2").location
    assert re.fullmatch(r"/events\?mode=live&visitor=[0-9a-f]{32}", anew), "what was found before is not asked for, too"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("＝1+1", "'＝1+1"),
        (" @SUM(1)", "' @SUM(1)"),
        ("Sale;=1+1", "Sale;'=1+1"),
        ("Sale; \t-1;+2", "Sale;' \t-1;'+2"),
        ("Sale\n=1+1;", "Sale\n'=1+1;"),
        ("Sale\r+1;", "Sale\r'+1;"),
        ("Sale;ok", "Sale;ok"),
        ("Sale\nok", "Sale\nok"),
        ("a=b - c", "a=b - c"),
    ],
)
def test_no_cell_of_the_file_is_run_by_a_spreadsheet(editor: Browser, send: Send, name: str, cell: str) -> None:
    send(name)
    [row] = csv.DictReader(io.StringIO(editor.get("/events.csv").text, newline=""))
    assert row["event"] == cell


def test_what_is_shown_can_be_had_as_a_file(editor: Browser, send: Send) -> None:
    send("=HYPERLINK(1)", user_properties={"email": "ada@example.com"})
    send("Purchase", "test", external_id="ada@example.com")
    table = editor.get("/events.csv")
    assert table.headers["Content-Disposition"] == 'attachment; filename="events.csv"'
    head, first, second = table.text.splitlines()
    assert head == "id,occurredAt,receivedAt,event,mode,source,visitor,dispatches"
    assert ",Purchase,test,Shop," in first
    assert ",'=HYPERLINK(1),live,Shop," in second
    assert "ada@" not in table.text
    [row] = editor.get("/events.json?mode=test").get_json()
    assert (row["event"], row["mode"], row["dispatches"]) == ("Purchase", "test", [])


def test_the_install_page_waits_for_the_first_event_and_shows_it(editor: Browser, send: Send) -> None:
    page = editor.page("/install")
    address = re.search(r'hx-get="(/install/\d+/test/first)"', page)
    assert address
    assert "Nothing has come with this source's test key yet." in page
    assert editor.get(address[1]).status_code == 204
    send("Live one")
    assert editor.get(address[1]).status_code == 204
    send("Test one", "test")
    assert "Test one" in editor.get(address[1]).text
    assert "it works" in editor.page("/install")


def test_long_values_are_folded_and_whole_when_opened(editor: Browser, send: Send) -> None:
    text = "word " * 800
    event_id = send(
        event_properties={"note": text, "sku": [f"sku-{number}" for number in range(250)], "few": [1, 2], "": 0}
    )
    page = editor.page(f"/events/{event_id}")
    folded = re.findall(r'<details class="long"><summary>(.*?)</summary>(.*?)</details>', page, re.DOTALL)
    note, listed = folded
    assert len(note[0]) < 400
    assert "all 4,000 characters" in note[0]
    assert text.strip() in note[1]
    assert listed[0] == "250 entries"
    assert listed[1].count("<li>") == 250
    assert "<code>few[1]</code>" in page
    assert "<code>&#34;&#34;</code>" in page, "a row without a head is nobody's value"
    shown = re.sub(r"</summary>.*?</details>", "", page, flags=re.DOTALL)
    assert "sku-1" not in shown
