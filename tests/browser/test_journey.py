"""One person's whole job on a fresh installation, from the first sign-in until a visitor is forgotten."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ours.bootstrap import Ours
from ours.settings import Settings
from tests.browser.conftest import sign_in
from tests.browser.live import serving
from tests.browser.seed import PASSWORD
from tests.receiver import Receiver

pytestmark = [pytest.mark.browser, pytest.mark.long]
KNOWN = {"email": "hedy@example.com"}
BODY = json.dumps({"event": "Purchase", "userId": "hedy-1", "userProperties": KNOWN, "properties": {"amount": 9}})


@pytest.fixture
def here(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Ours]:
    opened = Ours(make_settings(allow_networks="127.0.0.0/8"))
    opened.prepare()
    yield opened
    opened.close()


class Reader:
    """A page, and all that the browser had to say against it."""

    def __init__(self, page: Page, ours: Ours, address: str) -> None:
        self.page, self.ours, self.address = page, ours, address
        self.said: list[str] = []
        self.asked: set[str] = set()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.add(request.url))

    def work(self) -> None:
        while self.ours.route.run():
            pass
        self.ours.deliver.drain(threading.Event(), 20)

    def send(self, mode: str) -> None:
        """Through the Playground, then to the page of the event."""
        self.page.goto("/playground")
        self.page.get_by_label("Key").select_option(label=f"Shop · {mode}")
        self.page.get_by_label("Body").fill(BODY)
        self.page.get_by_role("button", name="Send").click()
        expect(self.page.get_by_role("heading", name="Not routed yet")).to_be_visible()
        self.work()
        self.page.get_by_role("link", name="View the event").click()

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()


@pytest.fixture
def reader(chromium: Browser, here: Ours) -> Iterator[Reader]:
    with serving(here) as address:
        context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(20_000)
        yield Reader(context.new_page(), here, address)
        context.close()


def test_from_the_first_sign_in_until_a_visitor_is_forgotten(reader: Reader, here: Ours) -> None:
    person, given = here.people.add("ada@example.com", "admin", actor="cli")
    here.people.change_password(person.id, given, PASSWORD)
    sign_in(reader.page, "ada@example.com")
    with Receiver() as receiver:
        _connects(reader, receiver)
        _sends(reader, receiver)
        _breaks_and_mends(reader, receiver)
        _rotates(reader)
        _pauses(reader, receiver)
        _forgets(reader)
    assert here.overview.balance().difference == 0
    assert reader.said == []
    assert {url for url in reader.asked if not url.startswith(reader.address)} == set()
    assert not [url for url in reader.asked if "hedy" in url]


def _connects(reader: Reader, receiver: Receiver) -> None:
    page = reader.page
    page.get_by_role("link", name="Add a source").click()
    page.get_by_label("Add a source").fill("Shop")
    reader.click("Add source")
    reader.sees("Both keys already work")
    page.goto("/destinations/add/webhook")
    page.get_by_label("Name", exact=True).fill("Warehouse")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("All events").check()
    reader.click("Add Webhook")
    reader.sees("Warehouse was added, and is on.")


def _sends(reader: Reader, receiver: Receiver) -> None:
    page = reader.page
    reader.send("test")
    reader.sees("What would have been sent")
    assert receiver.requests == []
    page.goto("/events")
    expect(page.get_by_role("row").filter(has_text="Purchase").locator(".test-tag")).to_be_visible()
    reader.send("live")
    expect(page.locator("#dispatches .state")).to_have_text("delivered")
    [request] = receiver.requests
    assert b'"amount":9' in request.body.replace(b" ", b"")


def _breaks_and_mends(reader: Reader, receiver: Receiver) -> None:
    page = reader.page
    receiver.answer(422, body=b'{"error": "amount is no sum"}', times=1)
    reader.send("live")
    expect(page.locator("#dispatches .state")).to_have_text("rejected")
    reader.sees("http_422")
    reader.sees("amount is no sum")
    page.goto("/dispatches")
    page.get_by_role("link", name="Purchase").click()
    reader.click("Replay")
    reader.sees("Replayed. See the new dispatch.")
    reader.work()
    expect(page.locator("#dispatches .state").filter(has_text="delivered")).to_be_visible()
    assert len(receiver.requests) == 3


def _rotates(reader: Reader) -> None:
    page = reader.page
    page.goto("/sources/1")
    before = {key.text.reveal() for key in reader.ours.sources.keys(1)}
    reader.click("Create key")
    reader.sees("The new live key is ready.")
    expect(page.get_by_text("works until")).to_be_visible()
    [fresh] = {key.text.reveal() for key in reader.ours.sources.keys(1)} - before
    assert reader.ours.accept.authenticate(fresh)
    page.goto("/sources")
    reader.sees("In use: if you deactivate it")


def _pauses(reader: Reader, receiver: Receiver) -> None:
    page = reader.page
    page.goto("/destinations/1")
    reader.click("Pause")
    reader.sees("Warehouse is paused.")
    reader.send("live")
    expect(page.locator("#dispatches .state")).to_have_text("held")
    assert len(receiver.requests) == 3
    page.goto("/destinations/1")
    reader.click("Resume")
    reader.work()
    assert len(receiver.requests) == 4


def _forgets(reader: Reader) -> None:
    page = reader.page
    page.goto("/events?mode=live")
    page.get_by_label("Visitor or id").fill("hedy-1")
    reader.click("Filter")
    expect(page.get_by_role("row").filter(has_text="Purchase")).to_have_count(3)
    page.goto("/visitors")
    page.get_by_label("Find a visitor").fill("hedy-1")
    reader.click("Find")
    page.get_by_role("row").filter(has_text="live").get_by_role("link").click()
    reader.sees("hedy@example.com")
    page.get_by_role("link", name="Forget").click()
    reader.click("Forget")
    expect(page.get_by_role("heading", name="Forgotten")).to_be_visible()
    assert [one.mode for one in reader.ours.visitors.find("hedy-1", actor="cli")] == ["test"]
