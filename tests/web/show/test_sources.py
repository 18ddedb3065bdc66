"""Sources, their keys, the lines to paste, and the Playground."""

import json
import re
import shlex
from collections.abc import Callable
from functools import partial
from html import unescape

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.bootstrap import Ours
from ours.core import categories
from ours.core.incoming import Incoming
from ours.store.tables import keys, volumes
from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS
from tests.refusing import until
from tests.web.show.conftest import Browser


def _pasted(page: str, id_: str) -> tuple[str, str]:
    """The address and the body of a curl line as a shell would read it."""
    found = re.search(rf'<pre id="{id_}"[^>]*>(.*?)</pre>', page, re.S)
    assert found
    words = shlex.split(unescape(found[1]))
    return words[3], words[-1]


def test_adding_a_source_shows_both_keys_and_lines_that_work_when_pasted(editor: Browser, here: Ours) -> None:
    page = editor.post("/sources/add", name="Shop backend").text
    [source] = here.sources.list()
    assert source.name == "Shop backend"
    for key in here.sources.keys(source.id):
        assert key.text.reveal() in page
    for line in ("track-test", "identify-test", "track-live", "identify-live"):
        address, body = _pasted(page, line)
        path = address.removeprefix("http://localhost")
        answer = editor.client.post(path, data=body, content_type="application/json")
        assert answer.get_json()["success"] is True, line
    assert {row.mode for row in here.overview.recent_events().rows} == {"live", "test"}


def test_a_name_that_is_taken_is_said_beside_its_field(editor: Browser) -> None:
    editor.post("/sources/add", name="Shop")
    answer = editor.post("/sources/add", name="shop")
    assert answer.status_code == 400
    assert '"Shop" exists already.' in unescape(answer.text)
    assert 'value="shop"' in answer.text


def test_a_viewer_sees_no_whole_key(browser_of: Callable[[str], Browser], here: Ours) -> None:
    made = here.sources.add("Shop", actor="cli")
    viewer = browser_of("viewer")
    for path in (f"/sources/{made.source.id}", "/install", "/install?mode=live"):
        page = viewer.page(path)
        assert made.live_key not in page
        assert made.test_key not in page
    assert made.test_key in browser_of("editor").page("/install")


def test_a_source_in_use_is_deactivated_only_by_somebody_who_knows(
    editor: Browser, here: Ours, send: Callable[..., str]
) -> None:
    send()
    path = "/sources/1/deactivate"
    assert "In use:" in editor.page(path)
    refused = editor.post(path)
    assert refused.status_code == 400
    assert "Tick this to continue." in refused.text
    assert here.sources.get(1).status == "active"
    assert "Shop is deactivated." in editor.post(path, sure="yes").text
    assert here.sources.get(1).status == "deactivated"


def test_a_source_nobody_uses_needs_no_tick(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    assert "In use:" not in editor.page("/sources/1/deactivate")
    editor.post("/sources/1/deactivate")
    editor.post("/sources/1/activate")
    assert here.sources.get(1).status == "active"
    editor.post("/sources/1/delete")
    assert here.sources.get(1).status == "deleted"
    assert [entry.actor for entry in here.audit.list(3)] == ["editor@example.com"] * 3


def test_a_deleted_source_is_not_brought_back(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    here.sources.delete(1, actor="cli")
    answer = editor.post("/sources/1/activate")
    assert answer.status_code == 400
    assert "was deleted for good" in answer.text


@pytest.mark.parametrize("path", ["/sources/9", "/sources/9/delete", "/sources/1/explode", "/destinations/9"])
def test_what_is_not_there_is_404(editor: Browser, here: Ours, path: str) -> None:
    here.sources.add("Shop", actor="cli")
    assert editor.get(path).status_code == 404


def test_install_begins_with_the_test_key_and_speaks_python_that_compiles(editor: Browser, here: Ours) -> None:
    made = here.sources.add("Shop", actor="cli")
    page = editor.page("/install")
    assert made.test_key in page
    assert made.live_key not in page
    python = re.search(r'<pre id="python"[^>]*>(.*?)</pre>', page, re.S)
    assert python
    compile(unescape(python[1]), "snippet", "exec")
    assert 'base_url="http://localhost/api/v1"' in unescape(python[1])


def test_the_lines_for_an_sdk_give_the_event_an_id_for_the_sdk_sends_again_by_itself(
    editor: Browser, here: Ours
) -> None:
    here.sources.add("Shop", actor="cli")
    page = unescape(editor.page("/install"))
    told = re.findall(r"(?:distinct_id=|distinctId: )\"(order-\d+)\"", page)
    assert len(told) == len(set(told)) == 2  # and who tries both sees both
    assert re.search(r"// @ts-ignore .*\n *eventProperties: ", page)  # the SDK's types say text


def test_the_playground_sends_through_the_real_door_and_leads_to_the_event(editor: Browser, here: Ours) -> None:
    made = here.sources.add("Shop", actor="cli")
    test_key = next(key for key in here.sources.keys(made.source.id) if key.mode == "test")
    answer = editor.post("/playground", key=test_key.id, endpoint="track", body='{"event": "Tried", "userId": "u1"}')
    [row] = here.overview.recent_events().rows
    assert (row.name, row.mode) == ("Tried", "test")
    assert "200 OK" in answer.text
    assert f'href="/events/{row.id}"' in answer.text
    assert test_key.text.reveal() not in answer.text


def test_the_playground_shows_what_the_door_has_against_a_body(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    for body, status in (("{", "400 Bad Request"), ('{"userId": "u1"}', "400 Bad Request"), ("é", "400")):
        answer = editor.post("/playground", key=1, endpoint="track", body=body)
        assert answer.status_code == 200
        assert status in answer.text
        assert "See the event" not in answer.text
    assert editor.post("/playground", key=77, endpoint="track", body="{}").status_code == 400
    assert editor.post("/playground", key=1, endpoint="../people", body="{}").status_code == 400


@pytest.mark.parametrize("example", ["purchase", "backfill", "once", "lead", "identify"])
def test_every_example_is_taken_without_a_warning(editor: Browser, here: Ours, example: str) -> None:
    here.sources.add("Shop", actor="cli")
    page = editor.page(f"/playground?example={example}")
    body = re.search(r'<textarea id="body"[^>]*>(.*?)</textarea>', page, re.S)
    endpoint = re.search(r'<option value="(\w+)" selected>POST', page)
    assert body
    assert endpoint
    answer = editor.post("/playground", key=2, endpoint=endpoint[1], body=unescape(body[1]))
    assert "200 OK" in answer.text
    assert "warnings" not in answer.text


def test_a_batch_of_which_some_is_wrong_is_no_plain_success_and_leads_to_what_was_taken(
    editor: Browser, here: Ours
) -> None:
    here.sources.add("Shop", actor="cli")
    body = {"events": [{"event": "Paid", "distinctId": "o-1", "userId": "u1"}, {"event": "Paid", "userId": "u1"}]}
    answer = editor.post("/playground", key=2, endpoint="batch", body=json.dumps(body)).text
    assert '<span class="state warn">207 Multi-Status</span>' in answer
    led = re.search(r'href="(/events\?id=\w+)">View the accepted event', answer)
    assert led
    assert ">Paid<" in editor.page(led[1])


def test_the_playgrounds_consent_is_one_that_rules_ask(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    page = unescape(editor.page("/playground?example=lead"))
    said = re.search(r'"consent": (\{.*?\})', page, re.S)
    assert said
    assert json.loads(said[1]).keys() <= categories.NAMES


def test_a_source_says_why_requests_were_refused_and_whose_the_last_was(
    browser_of: Callable[[str], Browser], here: Ours
) -> None:
    viewer, made = browser_of("viewer"), here.sources.add("Shop", actor="cli")
    address = f"/sources/{made.source.id}"
    assert "Refused, last 7 days" not in viewer.page(address)
    answer = viewer.client.post("/api/v1/track", json={"token": made.test_key, "event": "A", "email": 5})
    assert answer.status_code == 400
    page = until(lambda: viewer.page(address), "Refused, last 7 days")
    assert '<a href="/reference#invalid_fields"><code>invalid_fields</code></a>' in page
    assert "<code>email</code>" in page
    assert answer.headers["X-Request-Id"] in page
    assert "Playground</a>." not in page
    assert "Playground</a>." in browser_of("editor").page(address)


def test_every_reason_that_a_source_shows_can_be_looked_up(editor: Browser) -> None:
    page = editor.page("/reference")
    assert [code for code in (*PROBLEMS, *ROW_PROBLEMS) if f'id="{code}"' not in page] == []


def test_the_playground_without_a_key_says_where_to_get_one(editor: Browser) -> None:
    assert "No key to send with" in editor.page("/playground")


def test_a_new_key_comes_with_an_overlap_in_which_the_old_one_works(here: Ours, editor: Browser) -> None:
    made = here.sources.add("Rotated", actor="cli")
    page = editor.post(f"/sources/{made.source.id}/rotate", mode="live", overlap="1 day").get_data(as_text=True)
    assert "The new live key is ready" in page
    old, new = here.accept.authenticate(made.live_key), here.sources.keys(made.source.id)[0]
    assert old
    assert here.accept.authenticate(new.text.reveal())
    assert new.text.reveal() != made.live_key
    expiring = [key for key in here.sources.keys(made.source.id) if key.expires_at]
    assert [key.text.reveal() for key in expiring] == [made.live_key]
    assert editor.post(f"/sources/{made.source.id}/rotate", mode="live", overlap="for ever").status_code == 400


def test_a_key_in_use_is_revoked_only_by_somebody_who_knows(
    editor: Browser, here: Ours, send: Callable[..., str]
) -> None:
    send()
    live = next(key for key in here.sources.keys(1) if key.mode == "live")
    path = f"/sources/1/keys/{live.id}/revoke"
    assert path in editor.page("/sources/1")
    assert "this key was last used" in editor.page(path)
    assert "<title>Revoke a key of Shop · Ours</title>" in editor.page(path)
    assert "Tick this to continue." in editor.post(path).text
    assert here.sources.keys(1)[1].revoked_at is None
    page = editor.post(path, sure="yes").text
    assert "The live key is revoked." in page
    assert path not in page
    assert [bool(key.revoked_at) for key in here.sources.keys(1)] == [False, True]


def test_a_key_nobody_uses_is_revoked_without_a_tick(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    here.sources.add("Other", actor="cli")
    assert "In use:" not in editor.page("/sources/1/keys/1/revoke")
    editor.post("/sources/1/keys/1/revoke")
    assert here.audit.latest("revoke_key", "source 1")
    assert editor.get("/sources/1/keys/3/revoke").status_code == 404
    assert editor.post("/sources/1/keys/3/revoke").status_code == 404


def test_a_limit_is_set_shown_and_lifted(editor: Browser, here: Ours) -> None:
    here.sources.add("Shop", actor="cli")
    assert "<p>None.</p>" in editor.page("/sources/1")
    assert "50 requests per second." in editor.post("/sources/1/limit", limit=" 50 ").text
    assert here.sources.get(1).rate_limit == 50
    for typed in ("0", "many", "-3", "1.5", "9" * 30):
        answer = editor.post("/sources/1/limit", limit=typed)
        assert answer.status_code == 400
        assert f'value="{typed}"' in answer.text
        assert 'id="limit-wrong"' in answer.text
    assert here.sources.get(1).rate_limit == 50
    editor.post("/sources/1/limit", limit="")
    assert here.sources.get(1).rate_limit is None


def test_the_volumes_of_two_sources_stand_side_by_side(editor: Browser, here: Ours, send: Callable[..., str]) -> None:
    new = here.sources.add("New shop", actor="cli")
    send(distinct_id="order-1")
    caller = here.accept.authenticate(new.live_key)
    assert caller
    here.accept.accept(caller, [Incoming(name="Purchase", occurred_at=1, user_id="u1", distinct_id="order-1")])
    page = editor.page("/sources")
    assert re.findall(r'data-label="(Live|Live duplicates)" class="[^"]*number[^"]*">(\d+)<', page) == [
        ("Live", "1"), ("Live duplicates", "0"), ("Live", "1"), ("Live duplicates", "1"),
    ]  # fmt: skip
    assert "Without a <code>distinctId</code> it would be two events" in page


def _volume(here: Ours, source_id: int, hours_ago: float, live: int, test: int = 0) -> None:
    minute = clock.now_ms() - int(hours_ago * clock.HOUR)
    with here.store.write() as connection:
        for mode, count in (("live", live), ("test", test)):
            values = {"minute": minute - minute % clock.MINUTE, "source_id": source_id, "mode": mode, "received": count}
            connection.execute(sa.insert(volumes).values(**values, duplicate=0, rejected=0))


def _used(here: Ours, source_id: int, hours_ago: int) -> None:
    with here.store.write() as connection:
        change = sa.update(keys).where(keys.c.source_id == source_id, keys.c.mode == "live")
        connection.execute(change.values(last_used_at=clock.now_ms() - hours_ago * clock.HOUR))


def test_in_a_rotation_the_old_source_is_seen_to_fall_and_the_new_one_to_rise(editor: Browser, here: Ours) -> None:
    old, new = (here.sources.add(name, actor="cli").source.id for name in ("Old", "New"))
    _volume(here, old, 40, 900)
    _volume(here, old, 20, 80)
    _volume(here, new, 20, 20, test=7)
    _volume(here, new, 3, 160)
    _used(here, old, 20)
    _used(here, new, 3)
    page = editor.page("/sources")
    table = page.split("<summary>As a table")[1]
    figures = [re.findall(r">(\d+)</td>", row) for row in table.split("<tr>")[2:51]]
    assert [row for row in figures if row != ["0"] * 4] == [["0", "0", "160", "0"], ["80", "0", "20", "7"]]
    assert page.count("In use: if you deactivate it") == 2
    heights = [float(one) for one in re.findall(r'class="received"[^>]*height="([\d.]+)"', page)]
    assert heights == [45.0, 11.2, 90.0]  # one scale for both
    _used(here, old, 25)
    page = editor.page("/sources")
    assert page.count("Safe to deactivate") == page.count("In use: if you deactivate it") == 1
    week = editor.page(f"/sources?over=week&source={old}")
    assert ">980 live, 0 test<" in week
    assert "160" not in week.split("<summary>As a table")[1].split("</table>")[0]
    here.sources.add("Third", actor="cli")
    assert editor.page("/sources").count("Never used.") == 1


@pytest.mark.parametrize("minute", [0, 30, 47])
def test_a_day_is_as_long_in_every_table_and_chart(editor: Browser, here: Ours, minute: int) -> None:
    source = here.sources.add("Shop", actor="cli").source.id
    soon = (clock.now_ms() // clock.HOUR + 1) * clock.HOUR + minute * clock.MINUTE + 10_000
    with time_machine.travel(soon / 1000, tick=False):
        for hours in (0, 23.9, 24.1, 167.9, 168.1):
            _volume(here, source, hours, 1)
        listed = editor.page("/sources")
        assert '<td data-label="Live" class="number">2</td>' in listed
        assert ">2 live, 0 test<" in listed
        overview = editor.page("/")
        assert 'data-label="Live" class="number">2</td>' in overview
        assert ">2 live</span>" in overview
        for over, received in (("hour", 1), ("week", 4)):
            assert f">{received} live, 0 test<" in editor.page(f"/sources?over={over}")


@pytest.mark.parametrize("query", ["over=year", "source=x&source=99", "over=hour&source=1", "over=%00"])
def test_any_address_of_the_comparison_shows_some(editor: Browser, here: Ours, query: str) -> None:
    one = here.sources.add("Shop", actor="cli").source.id
    page = editor.page(f"/sources?{query}")
    assert "Side by side" in page
    said = re.sub("<[^>]+>", "", page)
    assert ("This list is not filtered by" in said) == (query != f"over=hour&source={one}")
    assert "source=x, 99: it has no meaning here." in said or "99" not in query


@pytest.mark.parametrize(("path", "each"), [("/sources", 'class="lane"'), ("/playground", "· live</option>")])
def test_the_page_asks_as_often_however_many_sources_there_are(
    editor: Browser, here: Ours, path: str, each: str
) -> None:
    counts = []
    for number in range(8):
        here.sources.add(f"Shop {number}", actor="cli")
        if number in {0, 7}:
            asked: list[str] = []
            note = partial(_note, asked)
            sa.event.listen(here.store.engine, "before_cursor_execute", note)
            assert editor.page(path).count(each) == number + 1
            sa.event.remove(here.store.engine, "before_cursor_execute", note)
            counts.append(len(asked))
    assert counts[0] == counts[1] < 8


def _note(asked: list[str], _: object, __: object, statement: str, *___: object) -> None:
    asked.append(statement)
