"""Takes a picture of every page, light, dark, wide and narrow: ``python -m tests.browser.pictures FOLDER [PAGE]…``.

The few that the documentation shows go to ``FOLDER/docs``, as much of each as a screen shows.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from ours.bootstrap import Ours
from ours.settings import load
from tests.browser.live import ARGUMENTS, CHROMIUM, serving
from tests.browser.seed import PASSWORD, Seeded, seed
from tests.receiver import Receiver

SIZES = {"wide": (1280, 860), "narrow": (390, 844)}


def pages(seeded: Seeded) -> dict[str, str]:
    """A name for each picture, and the address of what it shows."""
    return {
        "overview": "/",
        "events": "/events",
        "events-none": "/events?name=nothing",
        "event": f"/events/{seeded.event_id}",
        "event-test": f"/events/{seeded.test_event_id}",
        "events-more": "/events?state=rejected&property=currency=EUR",
        "dispatches": "/dispatches",
        "replays": "/replays",
        "dispatches-replay": "/dispatches/replay?state=rejected",
        "sources": "/sources",
        "source": f"/sources/{seeded.source_id}",
        "source-deactivate": f"/sources/{seeded.source_id}/deactivate",
        "install": "/install",
        "playground": "/playground",
        "reference": "/reference",
        "destinations": "/destinations",
        "destination": f"/destinations/{seeded.destination_id}",
        "destination-off": f"/destinations/{seeded.destination_id}/off",
        "destination-remove": f"/destinations/{seeded.destination_id}/remove",
        "mapping": f"/destinations/{seeded.destination_id}/mapping",
        "mapping-case": f"/destinations/{seeded.destination_id}/mapping/case?name=Bookings",
        "allow": "/allow",
        "governance": "/governance",
        "rule": "/governance/rule?id=1",
        "history": "/history",
        "version": f"/history/destination {seeded.destination_id}/1",
        "explain": f"/events/{seeded.event_id}/explain",
        "fields": "/fields?path=visitor.email",
        "destination-edit": f"/destinations/{seeded.destination_id}/edit",
        "catalogue": "/destinations/add",
        "destination-add": "/destinations/add/webhook",
        "plugins": "/plugins",
        "visitors": "/visitors",
        "visitor": f"/visitors/{seeded.visitor_id}",
        "visitor-forget": f"/visitors/{seeded.visitor_id}/forget",
        "people": "/people",
        "tokens": "/tokens",
        "audit-read": "/audit?verb=read",
        "audit": "/audit",
        "settings": "/settings",
        "password": "/password",
        "second-factor": "/second-factor",
        "missing": "/nowhere",
    }


SHOWN = {"overview": "light", "event": "light", "sources": "light", "governance": "dark"}
"""What the documentation shows, each in its scheme."""


def take(context: BrowserContext, address: str, seeded: Seeded, folder: Path, ending: str, only: Sequence[str]) -> None:
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.screenshot(path=folder / f"sign-in-{ending}.png", full_page=True)
    page.get_by_label("Email").fill(seeded.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")
    for name, path in pages(seeded).items():
        if only and name not in only:
            continue
        page.goto(address + path)
        page.screenshot(path=folder / f"{name}-{ending}.png", full_page=True)


def show(context: BrowserContext, address: str, seeded: Seeded, folder: Path, scheme: str) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 960, "height": 560})
    for name in (name for name, its in SHOWN.items() if its == scheme):
        page.goto(address + pages(seeded)[name])
        page.screenshot(path=folder / f"{name}.png")


def main(folder: Path, *only: str) -> None:
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="ours-pictures-"))
    plugins = home / "plugins"
    plugins.mkdir()
    (plugins / "loyalty.py").write_text('import os\n\nURL = os.environ["LOYALTY_URL"]\n')
    settings = load({"OURS_HOME": str(home), "OURS_PLUGINS_DIR": str(plugins), "OURS_ALLOW_NETWORKS": "127.0.0.0/8"})
    ours = Ours(settings)
    ours.prepare()
    with Receiver() as receiver, sync_playwright() as playwright:
        seeded = seed(ours, receiver)
        with serving(ours) as address:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    context = chromium.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB",
                        timezone_id="Europe/Berlin",
                    )  # fmt: skip
                    take(context, address, seeded, folder, f"{scheme}-{size}", only)
                    if size == "wide":
                        show(context, address, seeded, folder / "docs", scheme)
                    context.close()
            chromium.close()
    ours.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/pictures"), *sys.argv[2:])
