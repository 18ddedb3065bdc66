"""A seeded dashboard and a real browser in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from ours.bootstrap import Ours
from ours.settings import load
from tests.browser.live import ARGUMENTS, CHROMIUM, serving
from tests.browser.seed import PASSWORD, Seeded, seed
from tests.conftest import KEY
from tests.receiver import Receiver


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"NOT TESTED: there is no browser at {CHROMIUM}. On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    home = tmp_path_factory.mktemp("browser")
    opened = Ours(
        load(
            {
                "OURS_HOME": str(home),
                "OURS_SECRET_KEYS": KEY,
                "OURS_PLUGINS_DIR": str(home / "plugins"),
                "OURS_ALLOW_NETWORKS": "127.0.0.0/8",
            }
        )
    )
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def seeded(ours: Ours) -> Iterator[Seeded]:
    with Receiver() as receiver:
        yield seed(ours, receiver)


@pytest.fixture(scope="module")
def address(ours: Ours, seeded: Seeded) -> Iterator[str]:
    with serving(ours) as opened:
        yield opened


@pytest.fixture(scope="module")
def session(chromium: Browser, address: str, seeded: Seeded) -> StorageState:
    """The admin's cookie. Signing in once is enough, and more often than ten times a minute is refused."""
    context = chromium.new_context(base_url=address)
    sign_in(context.new_page(), seeded.email)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(chromium: Browser, address: str, session: StorageState) -> Iterator[Page]:
    """A page on which the admin is signed in."""
    context = chromium.new_context(base_url=address, storage_state=session, timezone_id="Europe/Berlin", locale="en-GB")
    context.set_default_timeout(10_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()


def sign_in(page: Page, email: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
