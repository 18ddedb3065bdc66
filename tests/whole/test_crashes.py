"""A plugin that crashes every worker is found out, and the others go on."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ENGINES
from tests.receiver import Receiver
from tests.whole.conftest import Server, until

pytestmark = pytest.mark.long
_PLUGIN = """
import ctypes
from ours.plugin import Destination, Endpoint, Request, Schema, hookimpl


class _Posts(Destination):
    label = "Posts"

    class Settings(Schema):
        url = Endpoint(required=True)

    def build(self, delivery):
        if delivery.event.name == "Poison" and self.slug == "builds":
            ctypes.string_at(0)
        return Request("POST", delivery.settings["url"], json={"id": delivery.id})


class Builds(_Posts):
    slug = "builds"
    dedupes = True


class Reads(_Posts):
    slug = "reads"
    dedupes = True

    def read(self, response):
        ctypes.string_at(0)


@hookimpl
def register_destinations():
    return [Builds, Reads]
"""


def test_a_plugin_that_crashes_every_worker_stops_nobody_else(
    make_server: Callable[..., Server], receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "deadly.py").write_text(_PLUGIN)
    server = make_server(allow_networks="127.0.0.0/8")
    for slug in ("builds", "reads", "webhook"):
        server.ours("destination", "add", slug, slug, "--set", f"url={receiver.url}/{slug}", "--event", "*",
                    "--schedule", "1,1,1,1,1,1,1,1,1,1")  # fmt: skip
    for number in range(19):
        server.track("Purchase", userId=f"u{number}")
    server.track("Poison")
    until(lambda: server.ours("destination", "show", "reads")["status"] == "paused", within=120, every=1)
    figures = until(
        lambda: (found := server.balance())["delivered"] == 19 + 20 and found["held"] == 20 and found,
        within=120, every=1,
    )  # fmt: skip
    assert (figures["rejected"], figures["exhausted"], figures["difference"]) == (1, 0, 0)
    told = [line for line in server.log.read_text().splitlines() if '"plugin_crashed"' in line]
    assert {json.loads(line)["place"].partition(", in ")[2] for line in told} == {"build", "read"}


@pytest.mark.parametrize("kind", ENGINES)
def test_a_plugin_that_crashes_whatever_loads_it_is_set_aside_by_every_process(
    make_server: Callable[..., Server],
    make_database_url: Callable[[str], str],
    receiver: Receiver,
    tmp_path: Path,
    kind: str,
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "deadly.py").write_text("import ctypes\nctypes.string_at(0)\n")
    verbs_apart = (sys.executable, "-m", "ours")  # it would end us, too: pytest has threads
    url = make_database_url(kind) if kind == "postgresql" else ""  # beside its own SQLite a server makes its keys
    server = make_server(command=verbs_apart, database_url=url, allow_networks="127.0.0.0/8")
    server.ours("destination", "add", "webhook", "webhook", "--set", f"url={receiver.url}", "--event", "*")
    server.track("Purchase", userId="u1")
    server.settled(delivered=1)
    [aside] = [one for one in server.ours("plugin", "list") if one["status"] == "set aside"]
    assert aside["reason"].startswith("It ended the process (SIGSEGV) while it was tried (deadly.py, line 2")
    assert "child_restarts" not in server.log.read_text()
