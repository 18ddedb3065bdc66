"""The page of what never arrived, and sending again from it, as a person without a script sees them."""

import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.bootstrap import Ours
from ours.plugin import Rejected
from ours.services.rules import Rule
from ours.store.tables import dispatches
from ours.web.show.formats import as_curl
from tests.receiver import Receiver
from tests.web.show.conftest import Browser

Send = Callable[..., str]
Work = Callable[[], None]


@pytest.fixture
def refusing(here: Ours, receiver: Receiver) -> int:
    """A destination that refuses everything, and one that is told nothing."""
    receiver.answer(422, body=b"{}")
    here.destinations.add("webhook", "Partner", {"url": receiver.url}, events=[], actor="cli")
    return here.destinations.add("webhook", "Warehouse", {"url": receiver.url}, events=["*"], actor="cli").id


def _listed(page: str) -> list[str]:
    return re.findall(r'#dispatch-\w+"><bdi>([^<]*)<', page)


def test_with_nothing_in_trouble_it_says_that_all_has_arrived(editor: Browser, send: Send, work: Work) -> None:
    send()
    work()
    page = editor.page("/dispatches")
    assert "No problems" in page
    assert "Replay all" not in page


def test_what_did_not_arrive_stands_there_newest_first_and_counted_by_why(
    editor: Browser, send: Send, work: Work, refusing: int
) -> None:
    for name in ("First", "Second", "Third"):
        send(name)
    work()
    page = editor.page("/dispatches")
    assert _listed(page) == ["Third", "Second", "First"]
    assert "The destination refused the request (status 422)." in page
    assert re.search(r'data-label="Dispatches">3</td>', page)


def test_where_the_plugin_says_why_its_words_stand_for_its_code_and_name_nobody_here(
    editor: Browser, browser_of: Callable[[str], Browser], here: Ours, send: Send, work: Work, refusing: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    said = "Nobody called jane@example.com is on list 7."
    plugin = here.registry.plugin("webhook")
    monkeypatch.setattr(type(plugin), "read", lambda *_: Rejected("not_on_list", said))
    event_id = send(user_properties={"email": "jane@example.com"})
    work()
    listed, viewer = editor.page("/dispatches"), browser_of("viewer")
    assert "is on list 7." in listed.split('class="stack stuck"')[1]
    assert "jane@" not in listed + viewer.page("/dispatches")
    page = editor.page(f"/events/{event_id}")
    assert page.count(said) == 1
    assert "The plugin gave the reason" not in page
    assert "<code>not_on_list</code>" in page
    assert "jane@" not in viewer.page(f"/events/{event_id}") + editor.page(f"/events/{event_id}/explain")
    assert "is on list 7." in editor.page(f"/events/{event_id}/explain")


def test_what_an_allow_list_stops_is_found_from_where_it_is_looked_for(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    """It makes no dispatch, yet the figures of the overview that lead to this page count it."""
    send("Purchase")
    work()
    partner = here.destinations.find("Partner").id
    for query in ("", "?state=stopped", f"?destination={partner}", "?reason=not_allowed"):
        page = editor.page(f"/dispatches{query}")
        led = re.search(r'href="([^"]*)">events that were stopped', page)
        assert led, query
        assert ">Purchase<" in editor.page(unescape(led[1]))
    assert "events that were stopped" not in editor.page("/dispatches?state=rejected")
    led = re.search(r'href="([^"]*)">Stopped events', editor.page(f"/destinations/{partner}"))
    assert led
    assert ">Purchase<" in editor.page(unescape(led[1]))


def test_filters_narrow_the_list_and_the_causes(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    send("Live one")
    send("Test one", "test")
    work()
    other = here.destinations.find("Partner").id
    assert _listed(editor.page(f"/dispatches?state=rejected&destination={refusing}&mode=live&age=1h")) == ["Live one"]
    for query in ("state=held", f"destination={other}", "mode=test", "reason=http_500"):
        page = editor.page(f"/dispatches?{query}")
        assert _listed(page) == []
        assert "No results" in page


def test_what_was_made_between_two_moments_is_found_and_it_alone_is_replayed(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    start = clock.now_ms() - clock.HOUR
    for name, minutes in (("Before", -20), ("Between", 5), ("After", 20)):
        with time_machine.travel((start + minutes * clock.MINUTE) / 1000, tick=True):
            send(name)
            here.route.run()
    work()
    given = f"from={clock.iso(start)[:16]}&to={clock.iso(start + 10 * clock.MINUTE)[:16]}"
    page = editor.page(f"/dispatches?state=rejected&age=7d&{given}")
    assert _listed(page) == ["Between"]
    asked = re.search(r'href="([^"]+)">Replay all matches', page)
    assert asked
    asked_first = editor.page(unescape(asked[1]))
    assert "<b>1</b>" in asked_first
    assert re.search(r"<dt>Created</dt><dd>from <time [^>]+>[^<]+</time> until before <time", asked_first)
    assert '<button class="primary">Replay it</button>' in asked_first
    many = editor.page("/dispatches/replay?state=rejected")
    assert ">Replay all 3 at once</button>" in many
    assert ">Replay all 3 gradually</button>" in many
    form = dict(re.findall(r'<input type="hidden" name="(state|age|from|to)" value="([^"]+)">', asked_first))
    assert "Replayed: 1." in editor.post("/dispatches/replay", **form).text
    editor.post("/dispatches/replay", **form | {"to": "", "pace": "slow"})
    assert re.search(r"rejected, created from <time [^>]+>[^<]+</time> *</td>", editor.page("/replays"))
    assert _listed(editor.page("/dispatches?from=2026-13-41&to=x&state=rejected")) != []


@pytest.mark.parametrize("query", ["state=sunk", "destination=x", "destination=99999999999", "age=9y", "before=zz"])
def test_a_damaged_address_shows_all(editor: Browser, send: Send, work: Work, refusing: int, query: str) -> None:
    send("Purchase")
    work()
    page = editor.page(f"/dispatches?{query}")
    assert _listed(page) == ["Purchase"]
    said = f"This list is not filtered by {query}: it has no meaning here." in re.sub("<[^>]+>", "", page)
    assert said == ("before" not in query)
    assert ("Replay all matches" in page) != said, "more than was asked for would be meant"


def test_a_replay_says_what_a_rule_is_asked_of_again_and_what_waits(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    """Who said no is not told to be sent to after all."""
    logic = {"condition": {"property": "event.event", "operator": "Is", "value": "Purchase"}}
    here.governance.add(Rule(name="Nobody's", covers=[refusing], logic=logic), actor="cli")
    send("Purchase")
    work()
    page = re.sub("<[^>]+>", "", editor.page(f"/dispatches/replay?destination={refusing}"))
    assert "A governance rule stopped 1 of them. The rules are checked again: what they still stop is not sent." in page
    assert "Dispatches that are retrying, or held for another reason, are not included" in page
    assert "will be held at first" not in page
    here.destinations.pause(refusing, actor="cli")
    assert "1 of them will be held at first: their destination is paused" in editor.page("/dispatches/replay")
    assert "not among them" not in editor.page("/dispatches/replay?state=stopped")


@pytest.mark.parametrize(
    ("came_from", "leads_back"),
    [("/dispatches?mode=zz", True), ("/dispatches/replay?mode=yy", False), ("/sign-in?next=/dispatches", False)],
)
def test_a_page_that_is_refused_leads_back_to_where_it_was_asked_for(
    editor: Browser, came_from: str, leads_back: bool
) -> None:
    answer = editor.get("/dispatches/replay?mode=zz", headers={"Referer": f"http://localhost{came_from}"})
    assert answer.status_code == 400
    assert (f'href="{came_from}">Back</a>' in answer.text) is leads_back
    assert ">Back</a>" not in answer.text or leads_back


@pytest.mark.parametrize("query", ["from=2026-13-41", "mode=zz", "state=sunk", "age=9y"])
def test_nothing_is_replayed_or_confirmed_by_an_address_that_means_something_else(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int, query: str
) -> None:
    send("Purchase")
    work()
    before = here.overview.balance().expected
    asked = dict([query.split("=")])
    answers = [editor.get(f"/dispatches/replay?{query}"), editor.post("/dispatches/replay", **asked),
               editor.post("/dispatches/replay", pace="slow", **asked),
               editor.post("/dispatches/confirm", **asked)]  # fmt: skip
    for answer in answers:
        assert answer.status_code == 400
        assert f"“{query.partition('=')[0]}” has a value without meaning here" in answer.text
    assert (here.overview.balance().expected, here.paced_replays.list()) == (before, [])


def test_older_ones_are_a_page_away(editor: Browser, send: Send, work: Work, refusing: int) -> None:
    for number in range(60):
        send(f"E{number:02}")
    work()
    first = editor.page("/dispatches")
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    listed = _listed(first) + _listed(editor.page(unescape(older[1])))
    assert listed == [f"E{number:02}" for number in reversed(range(60))]


def test_all_that_match_are_replayed_after_a_look_at_what_would_happen(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver, refusing: int
) -> None:
    for _ in range(3):
        send()
    work()
    receiver.answer(200)
    page = editor.page(f"/dispatches/replay?state=rejected&destination={refusing}")
    assert "<b>3</b>" in page
    sent = len(receiver.requests)
    answer = editor.post("/dispatches/replay", state="rejected", destination=str(refusing), id="same")
    assert "Replayed: 3." in answer.text
    work()
    assert len(receiver.requests) == sent + 3
    assert {one.headers["webhook-id"] for one in receiver.requests[:sent]} == {
        one.headers["webhook-id"] for one in receiver.requests[sent:]
    }
    assert f'href="/dispatches?destination={refusing}&amp;state=rejected" aria-label="3 failed' in editor.page("/")
    listed = editor.page(f"/dispatches?state=rejected&destination={refusing}")
    assert _listed(listed) == []
    assert "counts once here, as its latest dispatch" in listed
    assert "matches these filters, except those that were replayed" in listed
    assert "No problems" in editor.page("/dispatches")
    assert here.overview.balance().difference == 0


def test_little_by_little_it_can_be_paused_resumed_and_cancelled(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    send()
    work()
    assert "None yet" in editor.page("/replays")
    page = editor.post("/dispatches/replay", state="rejected", destination=str(refusing), pace="slow", id="fresh").text
    assert "Replay 1 has started." in page
    assert "with new ids" in page
    assert "0 of 1" in page
    said = {"pause": "is paused", "resume": "continues", "cancel": "is cancelled"}
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        page = editor.post(f"/replays/1/{verb}").text
        assert f"Replay 1 {said[verb]}" in page
        assert here.paced_replays.list()[0].state == state
    assert "Cancel replay 1" not in page
    assert editor.post("/replays/1/pause").status_code == 400
    assert editor.post("/replays/1/burn").status_code == 404
    assert editor.post("/replays/9/pause").status_code == 404


def test_a_replay_of_nothing_says_so(editor: Browser) -> None:
    assert "No match can be replayed now." in editor.page("/dispatches/replay")
    assert "nothing was replayed" in editor.post("/dispatches/replay").text


def test_one_dispatch_is_replayed_from_its_event(
    editor: Browser, send: Send, work: Work, receiver: Receiver, refusing: int
) -> None:
    event_id = send()
    work()
    receiver.answer(200)
    button = re.search(r'action="(/dispatches/\w+/replay)"', editor.page(f"/events/{event_id}"))
    assert button
    page = editor.post(button[1]).text
    assert "Replayed. See the new" in page
    assert "replayed by" in page
    work()
    assert len(receiver.requests) == 2


def test_an_event_with_many_destinations_says_first_what_became_of_it_at_each(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver, refusing: int
) -> None:
    """Fifteen requests one below the other, and fifteen times the same reason, hide what went wrong at one."""
    for number in range(5):
        here.destinations.add("webhook", f"Own {number}", {"url": f"{receiver.url}/own"}, events=["*"], actor="cli")
        here.destinations.add("webhook", f"Told nothing {number}", {"url": receiver.url}, events=["Other"], actor="cli")
    event_id = send("Purchase", "test")
    work()
    page = editor.page(f"/events/{event_id}")
    jumps = page.split('aria-label="Destinations"')[1].split("</nav>")[0]
    assert jumps.count('<a href="#dispatch-') == jumps.count("sunk") == 6
    assert jumps.count('<a href="#refused-') == jumps.count("stopped") == 6
    assert all(f'id="{jump}"' in page for jump in re.findall('"#([^"]+)"', jumps))
    assert "<details open>" not in page
    assert page.count("<code>not_allowed</code>") == 1
    assert page.count("its allow list: Told nothing") == 5
    explained = editor.page(f"/events/{event_id}/explain")
    for one in re.findall(f"/events/{event_id}/explain#([0-9a-f]+)", page):
        assert f'id="{one}"' in explained
    jumps = explained.split('aria-label="Destinations"')[1].split("</nav>")[0]
    assert all(f'id="{jump}"' in explained for jump in re.findall('"#([^"]+)"', jumps))
    assert explained.count("allow list of") == 1
    assert jumps.count("<a ") == 12
    assert re.search(r"<h2>Where it went</h2><p>12</p></header><nav class=\"jumps\"", explained)
    live = send("Purchase")
    work()
    assert editor.page(f"/events/{live}").count("<details open>") == 6, "of a live event, what failed is open"


def test_an_event_is_sent_to_a_destination_that_refused_it_once_it_is_allowed(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver, refusing: int
) -> None:
    event_id = send("Purchase")
    work()
    other = here.destinations.find("Partner").id
    address = f"/events/{event_id}/send/{other}"
    page = editor.page(f"/events/{event_id}")
    assert address not in page
    assert f'<a href="/destinations/{other}/edit" aria-label="its allow list: Partner">' in page
    refused = editor.post(address)
    assert refused.status_code == 400
    assert "not on the destination&#39;s allow list" in refused.text
    here.destinations.update(other, events=["Purchase"], actor="cli")
    assert address in editor.page(f"/events/{event_id}")
    assert editor.post(address).status_code == 200
    work()
    assert len(receiver.requests) == 2


def test_a_request_can_be_copied_as_curl_without_its_secrets(
    editor: Browser, here: Ours, send: Send, work: Work, receiver: Receiver
) -> None:
    settings = {"url": receiver.url, "headers": {"X-Team": "canary-4711"}}
    here.destinations.add("webhook", "Warehouse", settings, events=["*"], actor="cli")
    event_id = send("Purchase")
    work()
    [command] = re.findall(r'<pre id="curl-[^"]+" hidden>([^<]*)</pre>', editor.page(f"/events/{event_id}"))
    command = unescape(command)
    assert command.startswith(f"curl -X POST {receiver.url}/ \\\n  -H ")
    assert "canary-4711" not in command
    assert "--data-raw '{" in command


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_brackets_in_an_address_are_no_pattern_of_curls(receiver: Receiver) -> None:
    command = as_curl({"method": "POST", "url": f"{receiver.url}/?a[1]={{b,c}}", "body": "it's $HOME \\n"})
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    [got] = receiver.requests
    assert (got.path, got.body) == ("/?a[1]={b,c}", b"it's $HOME \\n")


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
@pytest.mark.parametrize(
    "text", ['a b\\\\c\\n\\"', "it's \\' \\\\' \\\\\\'", "ends \\", "ends \\\\", "''", "$HOME `x` ! ?*"]
)
def test_a_copied_body_is_the_same_in_every_shell(shell: str, text: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    command = as_curl({"method": "POST", "url": "x", "body": text})
    printed = command.replace("curl -X POST x", "printf %s", 1).replace(" \\\n  --data-raw", "", 1)
    done = subprocess.run([shell, "-c", printed], check=True, capture_output=True)
    assert done.stdout.decode() == text


def test_what_fish_reads_otherwise_stands_outside_the_quotes() -> None:
    command = as_curl({"method": "POST", "url": "x", "body": r'{"a": "b\\c"}'})
    assert command.endswith(r"""'{"a": "b'\\\\'c"}'""")


def test_a_viewer_may_look_and_not_send(
    browser_of: Callable[[str], Browser], send: Send, work: Work, refusing: int
) -> None:
    event_id = send()
    work()
    viewer = browser_of("viewer")
    assert "Replay" not in viewer.page("/dispatches").replace("Replays", "")
    assert "/replay" not in viewer.page(f"/events/{event_id}")
    assert viewer.get("/dispatches/replay").status_code == 403


def test_a_destinations_page_shows_its_latest_failed_tries_and_its_counts_lead_to_the_dispatches(
    browser_of: Callable[[str], Browser], send: Send, work: Work, refusing: int
) -> None:
    event_id = send("Purch\u200base")
    work()
    viewer = browser_of("viewer")
    page = viewer.page(f"/destinations/{refusing}")
    assert "Latest failed tries" in page
    assert "HTTP 422" in page
    assert "Purch⟨U+200B⟩ase" in page
    assert "The destination answered 422." in page
    assert re.search(rf'href="/events/{event_id}#dispatch-\w+"', page)
    [address] = re.findall(r'<dd><a href="([^"]+)" aria-label="1 rejected: see them">1</a>', page)
    assert _listed(viewer.page(unescape(address))) == ["Purch⟨U+200B⟩ase"]
    assert "<title>Warehouse · Ours</title>" in page


def test_what_is_held_is_not_offered_for_replay_unless_nobody_knows_whether_it_arrived(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    here.destinations.pause(refusing, actor="cli")
    send()
    work()
    held = editor.page("/dispatches?state=held")
    assert "there is nothing to replay" in held
    assert "Replay all matches" not in held
    assert "Held dispatches are sent automatically" in editor.page("/dispatches/replay?state=held")
    assert "Held dispatches are sent automatically" not in editor.page("/dispatches/replay?state=rejected")
    with here.store.write() as connection:
        connection.execute(sa.update(dispatches).values(reason="ambiguous"))
    assert "Replay all matches" in editor.page("/dispatches?state=held")
    assert "<b>1</b>" in editor.page("/dispatches/replay?state=held")


def test_what_may_have_arrived_is_confirmed_on_its_event_and_as_all_that_match(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    first = send()
    for _ in range(2):
        send()
    work()
    with here.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="held", reason="ambiguous"))
    page = editor.page(f"/events/{first}")
    (address,) = re.findall(r'formaction="([^"]+)">It arrived<', page)
    assert "Confirmed. It counts as delivered." in editor.post(address).get_data(as_text=True)
    assert "It arrived" not in editor.page(f"/events/{first}")
    asked = editor.page(f"/dispatches/replay?state=held&destination={refusing}")
    assert "All 2 arrived" in asked
    (seen,) = re.findall(r'name="seen" value="(\d+)"', asked)
    editor.post("/dispatches/confirm", state="held", destination=refusing, seen=0)
    assert here.overview.balance().held == 2
    done = editor.post("/dispatches/confirm", state="held", destination=refusing, seen=seen)
    assert "Confirmed: 2." in done.get_data(as_text=True)
    assert (here.overview.balance().delivered, here.overview.balance().difference) == (3, 0)


def test_a_moment_that_is_yet_to_come_is_taken_for_now(
    editor: Browser, here: Ours, send: Send, work: Work, refusing: int
) -> None:
    send()
    work()
    with here.store.write() as connection:
        connection.execute(sa.update(dispatches).values(state="held", reason="ambiguous"))
    assert editor.post("/dispatches/confirm", state="held", seen="9" * 30).status_code == 200
    assert here.overview.balance().delivered == 1
