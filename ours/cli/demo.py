"""``ours demo``: sends an invented stream to the running server, so that there is something to look at."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import click

from ours.cli.shell import ACTOR, Shell, json_option, pass_shell
from ours.clock import now_ms
from ours.errors import Invalid, NotFound, OursError
from ours.ids import TEST_PREFIX

if TYPE_CHECKING:
    import requests

    from ours.cli.stream import Call

_SOURCE = "Demo"
_TIMEOUT = 15.0
_PATIENCE = 5
_BUSY = (429, 503)
_TYPED = click.core.ParameterSource.COMMANDLINE


class DemoError(OursError):
    code = "demo_stopped"


@click.command()
@click.option("--events", "count", type=click.IntRange(1), default=200, show_default=True, help="How many to send.")
@click.option("--rate", type=click.FloatRange(0), default=25, show_default=True, help="Events per second; 0: no limit.")
@click.option("--mode", type=click.Choice(["live", "test"]), default="test", show_default=True,
              help="Live events are delivered to your destinations if their allow lists permit it.")  # fmt: skip
@click.option("--key", help=f'Send with this key, instead of one of the source "{_SOURCE}".')
@click.option("--url", help="The server's address, if it is not this machine's.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes another stream.")
@click.option("--doubles", is_flag=True,
              help="Run stand-ins of the vendors and of a webhook on this machine, and have the events delivered"
                   " to them. The server must run with OURS_ALLOW_NETWORKS=127.0.0.0/8.")  # fmt: skip
@json_option
@pass_shell
def demo(shell: Shell, count: int, rate: float, mode: str, key: str | None, url: str | None, seed: int,
         doubles: bool) -> None:  # fmt: skip
    """Send a stream of made-up events to the server.

    With --doubles they are delivered too, to small servers that answer as the vendors do, refusals included, so you
    need no account and nothing leaves this machine. Their destinations listen only to the source "Demo", and are
    switched off at the end.
    """
    address = (url or shell.settings.address).rstrip("/")
    if not doubles:
        key = key or _own_key(shell, mode)
        shell.show(_sent(address, key, count, rate, seed))
        return
    if key or (mode == "test" and click.get_current_context().get_parameter_source("mode") is _TYPED):
        raise Invalid("--doubles sends live events with a key of its own: give neither --key nor --mode test.")
    from ours.cli import standins

    key, began = _own_key(shell, "live"), now_ms()
    with standins.up(shell.ours, shell.ours.sources.find(_SOURCE).id) as standing:
        reached = partial(standins.see_that_they_are_reached, shell.ours, standing, began)
        said = _sent(address, key, count, rate, seed, reached)
        standins.settle(shell.ours, standing)
        told = standins.report(shell.ours, standing, began)
    shell.show(said | ({"doubles": told} if shell.as_json else {}))
    if not shell.as_json:
        standins.show(shell, told)


def _sent(address: str, key: str, count: int, rate: float, seed: int,
          after_first: Callable[[], None] = lambda: None) -> dict[str, object]:  # fmt: skip
    from ours.cli.stream import calls

    tally = _send_all(calls(count, now_ms(), seed), count, rate, address, key, after_first)
    return {
        "address": address,
        "mode": "test" if key.startswith(TEST_PREFIX) else "live",
        "sent": tally.total(),
        "accepted": tally["accepted"] + tally["duplicate"],
        "duplicates": tally["duplicate"],
        "refused": tally["refused"],
    }


def _own_key(shell: Shell, mode: str) -> str:
    from ours.services.sources import working_key

    sources = shell.ours.sources
    try:
        found = sources.find(_SOURCE)
    except NotFound:
        made = sources.add(_SOURCE, actor=ACTOR)
        return made.live_key if mode == "live" else made.test_key
    usable = working_key(sources.keys(found.id), mode)
    if not usable or found.status != "active":
        raise DemoError(f'The source "{_SOURCE}" is deactivated or has no {mode} key. Activate it, or give --key.')
    return usable.text.reveal()


def _send_all(stream: "Iterable[Call]", count: int, rate: float, address: str, key: str,
              after_first: Callable[[], None]) -> Counter[str]:  # fmt: skip
    import requests
    from rich.console import Console
    from rich.progress import track

    tally: Counter[str] = Counter()
    began = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment knows nothing of this machine
        session.headers["Authorization"] = f"Bearer {key}"
        for number, call in enumerate(track(stream, "Sending", total=count, console=Console(stderr=True))):
            if rate:
                time.sleep(max(0.0, began + number / rate - time.monotonic()))
            tally[_send(session, address, call)] += 1
            if number == 0:
                after_first()
    return tally


def _send(session: "requests.Session", address: str, call: "Call") -> str:
    """What became of one call: ``accepted``, ``duplicate`` or ``refused``. Waits when the server asks for it."""
    import requests

    for _ in range(_PATIENCE):
        try:
            answer = session.post(f"{address}/api/v1/{call.endpoint}", json=call.body, timeout=_TIMEOUT)
        except requests.RequestException:
            raise DemoError(f"No server answers at {address}. Start one with `ours serve`, or give --url.") from None
        if answer.status_code not in _BUSY:
            break
        time.sleep(min(float(answer.headers.get("Retry-After", 1)), 10.0))
    if answer.status_code == 401:
        raise DemoError("The server refused the key. Give another one with --key.")
    if not answer.ok:
        return "refused"
    return "duplicate" if answer.json().get("duplicate") else "accepted"
