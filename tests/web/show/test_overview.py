"""The overview: what needs attention now, and what the continuous check found."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.store.tables import alerts, checks, destinations, dispatches, tokens
from tests.receiver import Receiver
from tests.web.show.conftest import Browser


def _hook(here: Ours) -> int:
    return here.destinations.add("webhook", "Hook", {"url": "https://example.com/"}, events=["*"], actor="cli").id


def _put(here: Ours, **values: object) -> None:
    with here.store.write() as connection:
        connection.execute(sa.update(destinations).values(values))


def test_before_the_first_event_it_says_how_to_send_one(editor: Browser, send: Callable[..., str]) -> None:
    assert "Waiting for the first event" in editor.page("/")
    send()
    page = editor.page("/")
    assert "Waiting for the first event" not in page
    assert "busiest hour" in page


def test_alerts_stand_at_the_top_with_a_way_to_what_they_are_about(editor: Browser, here: Ours) -> None:
    hook = _hook(here)
    _put(here, breaker="open", breaker_failures=12)
    here.alerts.run()
    page = editor.page("/")
    assert "Needs attention" in page
    assert f'<a href="/destinations/{hook}#failed"><bdi>Hook</bdi></a> is failing: 12 tries in a row.' in page
    assert "among the latest 2,000 to all destinations" in page


def test_what_ends_soon_leads_to_tokens_and_sources_as_far_as_one_may_go(
    browser_of: Callable[[str], Browser], here: Ours
) -> None:
    here.tokens.add("crm", ["balance:read"], days=90, actor="cli")
    with here.store.write() as connection:
        gone = 89 * clock.DAY
        connection.execute(
            sa.update(tokens).values(created_at=tokens.c.created_at - gone, expires_at=tokens.c.expires_at - gone)
        )
    here.alerts.run()
    assert '<a href="/tokens"><bdi>Expiring soon</bdi></a> The token “crm” expires at' in browser_of("admin").page("/")
    assert '<a href="/"><bdi>Expiring soon</bdi></a> The token “crm” expires at' in browser_of("viewer").page("/")


def test_a_destination_that_asked_to_be_left_alone_is_said_to_rest(editor: Browser, here: Ours) -> None:
    hook = _hook(here)
    for offset, rests in ((5_000, True), (-5_000, False)):
        until = clock.now_ms() + offset
        _put(here, rests_until=until)
        said = f'Until <time datetime="{clock.iso(until)}">'
        assert (said in editor.page("/")) == rests
        assert ("It asked us to wait until" in editor.page(f"/destinations/{hook}")) == rests
    _put(here, breaker="open", breaker_failures=12, breaker_until=clock.now_ms())
    assert "It is failing, 12 tries in a row" in editor.page(f"/destinations/{hook}")
    _put(here, breaker_failures=3)
    assert "It is failing, at least half of its tries within a minute" in editor.page(f"/destinations/{hook}")


def test_a_destination_that_an_alert_tells_of_is_not_listed_a_second_time(editor: Browser, here: Ours) -> None:
    _hook(here)
    _put(here, status="paused", paused_for="auth_failed")
    assert "is paused, and holds 0." in editor.page("/")
    here.alerts.run()
    page = editor.page("/")
    assert "refused our credentials or settings and was paused" in page
    assert "is paused, and holds 0." not in page


def test_what_is_advised_is_a_link_where_there_is_a_page_for_it_and_no_command(
    browser_of: Callable[[str], Browser], here: Ours
) -> None:
    hook = _hook(here)
    editor, viewer = browser_of("editor"), browser_of("viewer")
    _put(here, status="paused", paused_for="auth_failed")
    for kind, there in (
        ("rejecting", f"/dispatches/replay?destination={hook}&amp;state=rejected"),
        ("ambiguous", f"/dispatches?destination={hook}&amp;state=held&amp;reason=ambiguous"),
        ("expiring", f"/dispatches?destination={hook}&amp;state=held"),
        ("paused", f"/destinations/{hook}/resume"),
        ("unfit", f"/destinations/{hook}/edit"),
        ("plugin", "/plugins"),
    ):
        with here.store.write() as connection:
            connection.execute(sa.delete(alerts))
            row = {"kind": kind, "subject": f"destination {hook}", "words": "“Hook” is not well.", "opened_at": 1}
            connection.execute(sa.insert(alerts).values(row))
        told = editor.page("/").partition("Needs attention")[2].partition("</section>")[0]
        assert f'<a class="way" href="{there}">' in told
        assert "ours " not in told
        seen = viewer.page("/").partition("Needs attention")[2].partition("</section>")[0]
        assert not re.search("/resume|/replay|/edit", seen)


def test_a_queue_that_is_away_for_long_is_told_as_all_else(
    editor: Browser, here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.alerts.away._PATIENCE_MINUTES", 0)
    here.alerts.run()
    assert "The queue has been unreachable for 0 minutes." in editor.page("/")


def test_an_alert_of_another_kind_hides_nothing(editor: Browser, here: Ours, send: Callable[..., str]) -> None:
    _hook(here)
    _put(here, status="paused")
    send()
    here.route.run()
    with here.store.write() as connection:
        connection.execute(sa.update(dispatches).values(reason="ambiguous"))
    here.alerts.run()
    page = editor.page("/")
    assert "1 dispatch that may or may not have arrived" in page
    assert "is paused, and holds 1." in page


def test_of_many_concerns_the_grave_stand_first_and_the_most_are_folded(editor: Browser, here: Ours) -> None:
    for number in range(14):
        here.destinations.add("webhook", f"Idle {number}", {"url": "https://example.com/"}, events=[], actor="cli")
    _hook(here)
    _put(here, slug="gone")
    with here.store.write() as connection:
        connection.execute(sa.update(destinations).where(destinations.c.name != "Hook").values(slug="webhook"))
    shown, folded = editor.page("/").split("<summary>3 more</summary>")
    assert shown.index("<bdi>Hook</bdi></a> has no plugin") < shown.index(
        "<bdi>Idle 0</bdi></a> has an empty allow list"
    )
    assert "<bdi>Idle 13</bdi></a> has an empty allow list" in folded


def test_of_many_sources_those_seen_last_are_listed(editor: Browser, here: Ours) -> None:
    keys = [here.sources.add(f"Shop {number:02}", actor="cli").live_key for number in range(14)]
    caller = here.accept.authenticate(keys[13])
    assert caller
    here.accept.accept(caller, [Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id="u1")])
    page = editor.page("/")
    listed = page.split('id="by-source"')[1].split('id="by-destination"')[0]
    assert re.findall(r"<bdi>Shop (\d+)</bdi>", listed) == [*(f"{number:02}" for number in range(11)), "13"]
    assert '<a href="/sources">And 2 more</a>' in listed


def test_of_many_destinations_those_in_trouble_are_listed(
    editor: Browser, here: Ours, send: Callable[..., str]
) -> None:
    for number in range(24):
        events = ["Purchase"] if number == 22 else []
        here.destinations.add(
            "webhook", f"Place {number:02}", {"url": "https://example.com/"}, events=events, actor="cli"
        )
    here.destinations.pause(23, actor="cli")
    send("Purchase")
    here.route.run()
    listed = editor.page("/").split('id="by-destination"')[1]
    assert re.findall(r"<bdi>Place (\d+)</bdi>", listed) == [*(f"{number:02}" for number in range(19)), "22"]
    assert '<a href="/destinations">And 4 more</a>' in listed


def test_a_missing_plugin_is_told_once(editor: Browser, here: Ours) -> None:
    _hook(here)
    _put(here, slug="gone")
    assert "has no plugin: “gone” is not loaded" in editor.page("/")
    here.alerts.run()
    page = editor.page("/")
    assert "<bdi>Hook</bdi></a> needs the plugin gone, which is not loaded" in page
    assert "has no plugin" not in page


def test_the_check_says_when_it_looked_and_names_what_is_missing(
    editor: Browser, here: Ours, send: Callable[..., str]
) -> None:
    assert "Checked automatically" not in editor.page("/")
    _hook(here)
    event_id = send()
    here.route.run()
    here.conservation.tick()
    assert "nothing missing or duplicated" in editor.page("/")
    with here.store.write() as connection:
        connection.execute(sa.delete(dispatches))
    here.conservation.strike()
    here.conservation.walk()
    page = editor.page("/")
    assert "1 missing or duplicated" in page
    assert f'<a class="mono" href="/events/{event_id}">' in page
    assert "for destination 1" in page


def test_a_scheduler_that_does_not_check_is_said_to_be_away(editor: Browser, here: Ours) -> None:
    here.conservation.tick()
    assert "The scheduler" not in editor.page("/")
    with here.store.write() as connection:
        connection.execute(sa.update(checks).values(at=checks.c.at - 11 * 60_000))
    assert "Check that <code>ours worker scheduler</code> is running." in editor.page("/")


def test_what_is_counted_leads_to_what_it_counts(
    here: Ours, editor: Browser, send: Callable[..., str], work: Callable[[], None]
) -> None:
    with Receiver() as receiver:
        receiver.answer(422)
        here.destinations.add("webhook", "CRM", {"url": receiver.url}, events=["*"], actor="cli")
        here.destinations.add("webhook", "Ads", {"url": receiver.url}, events=["*"], actor="cli")
        here.destinations.pause(2, actor="cli")
        send()
        work()
    page = editor.page("/")
    for address, label in (
        ("/dispatches?destination=1&amp;state=rejected", "1 failed"),
        ("/dispatches?destination=2&amp;state=held", "1 held"),
    ):
        assert f'<a href="{address}" aria-label="{label}: see them">1</a>' in page
        assert "Purchase" in editor.page(address.replace("&amp;", "&"))
    assert '<a href="/dispatches?state=rejected">1</a>' in page
    assert "state=exhausted" not in page


def test_what_identity_updates_owe_is_said_to_be_among_the_decisions(
    here: Ours, editor: Browser, send: Callable[..., str], work: Callable[[], None]
) -> None:
    for name in ("CRM", "Ads"):
        made = here.destinations.add(
            "webhook", name, {"url": "https://example.com/"}, events=["$identify"], actor="cli"
        )
        here.destinations.pause(made.id, actor="cli")
    send()
    send(name="$identify", kind="identify")
    work()
    said = re.findall(r"<p>(.*? decisions), each", editor.page("/"))
    assert said == ["1 event and all identity updates call for 4 decisions"]


def test_pages_of_two_events_have_two_titles(editor: Browser, send: Callable[..., str]) -> None:
    one, other = (re.findall("<title>.*</title>", editor.page(f"/events/{send()}")) for _ in range(2))
    assert one != other


def test_a_form_that_is_too_large_is_told_how_large_it_may_be(editor: Browser) -> None:
    answer = editor.post("/events/find", who="x" * 2**20)
    assert answer.status_code == 413
    assert "at most 1,048,576 bytes" in answer.text
