"""What a person sees when the server starts. Passwords and keys are printed at the first start only."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from ours.bootstrap import Ours
from ours.services.people import FIRST_EMAIL
from ours.settings import Settings

FIRST_SOURCE = "My backend"


@dataclass(frozen=True, slots=True)
class Greeting:
    password: str
    live_key: str
    test_key: str


def first_start(ours: Ours) -> Greeting | None:
    """Make the first person and the first source; None when there is somebody already."""
    password = ours.people.first()
    if password is None:
        return None
    made = ours.sources.add(FIRST_SOURCE, actor="first start")
    return Greeting(password, made.live_key, made.test_key)


def say(settings: Settings, greeting: Greeting | None, *, up: bool) -> None:
    """``up``: whether the web server answers by now."""
    lines = ["", f"  {'Ours is running.  ' if up else 'Ours is not up yet'} Dashboard  {settings.address}"]
    if greeting:
        lines += [
            f"                     Sign in    {FIRST_EMAIL}   {greeting.password}   (change it after signing in)",
            f"                     Live key   {greeting.live_key}",
            f"                     Test key   {greeting.test_key}",
            "",
            f"  Shown this once; later: `{_called()} source show`. Send a first event:",
            "",
            *(f"    {line}" for line in curl(settings.address, greeting.test_key)),
        ]
    if not up:
        lines += ["", "  It goes on trying. What is said above this may tell why; `ours doctor` says more."]
    lines += ["", "  Ctrl-C stops everything.", ""]
    with suppress(OSError, ValueError):  # a full disk or a reader that is gone ends no server
        print("\n".join(lines), flush=True)  # noqa: T201 - this is for the person at the terminal


def _called() -> str:
    """The command as the person at the terminal typed it: in a checkout it is on no PATH.

    Who reads this in a journal or a container's log has another one (deploy/systemd/ours.sh, `docker exec`).
    """
    return sys.argv[0] if os.isatty(1) and sys.argv[0].endswith("/ours") else "ours"


def curl(address: str, key: str) -> list[str]:
    return [
        f"curl -X POST {address}/api/v1/track \\",
        '  -H "Content-Type: application/json" \\',
        f"""  -d '{{"token": "{key}", "event": "Purchase", "userId": "user123", "properties": {{"amount": 99.99}}}}'""",
    ]
