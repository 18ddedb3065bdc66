"""Wherever a plugin keeps something of a delivery, the kit names the place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from destinations.webhook import Webhook
from ours.plugin.testing import DestinationContract
from ours.plugin.testing.reaching import MOST, reached
from ours.registry import load_at

_PLUGIN = """
import collections, contextvars, functools, threading, requests
from ours.plugin import Delivered, Destination, Endpoint, Request, Retry, Schema, by_status, hookimpl
TOP
class Mine(Destination):
    slug = label = "mine"
    default_mapping = {"text": "{{event.event}}", "email": "{{visitor.email}}", "id": "{{event.distinct_id}}"}
    last = None
    seen = []

    class Settings(Schema):
        url = Endpoint(required=True)

    BODY
    def build(self, delivery):
        email, id, url = delivery.fields.get("email"), delivery.id, delivery.settings["url"]
        BUILD
        return Request("POST", url, json={"id": id})

@hookimpl
def register_destinations():
    return [Mine]
"""
KEPT, GROWS = "What a delivery says is kept in", "With each delivery there is more in"
FAULTS = {
    "a list of the class": ("", "", "self.seen.append(id)", f"{KEPT} Mine.seen"),
    "an attribute of the class": ("", "", "Mine.last = email", f"{KEPT} Mine.last"),
    "an attribute of the instance": ("", "", "self.mine = delivery", f"{KEPT} self.mine"),
    "a cached property": (
        "",
        "@functools.cached_property\n    def memo(self): return {}\n",
        "self.memo[0] = id",
        f"{KEPT} self.memo",
    ),
    "a set of hashes": ("SEEN = set()", "", "SEEN.add(hash(id))", f"{GROWS} SEEN"),
    "a tuple that is renewed": ("SEEN = ()", "", "global SEEN; SEEN = (*SEEN, 1)", f"{GROWS} SEEN"),
    "a deque with an end": ("LATEST = collections.deque(maxlen=3)", "", "LATEST.append(delivery)", f"{KEPT} LATEST"),
    "a dictionary of bytes": ("BYTES = {}", "", "BYTES['last'] = (email or '').encode()", f"{KEPT} BYTES"),
    "a default argument": ("def keep(one, into={}): into[one] = 1", "", "keep(id)", f"{KEPT} a default of keep"),
    "an attribute of a function": ("def keep(one): keep.last = one", "", "keep(email)", f"{KEPT} keep.last"),
    "a closure": (
        "def made():\n    kept = []\n    return lambda one: kept.append(one)\nkeep = made()",
        "",
        "keep(email)",
        f"{KEPT} kept, around made.<locals>.<lambda>",
    ),
    "a cache of deliveries": (
        "@functools.lru_cache\ndef low(text): return len(text)",
        "",
        "low(id)",
        f"{KEPT} the cache of low",
    ),
    "the frame of a generator": (
        "def gen():\n    while True: one = yield\nGEN = gen(); next(GEN)",
        "",
        "GEN.send(email)",
        f"{KEPT} GEN",
    ),
    "a thread's own": ("LOCAL = threading.local()", "", "LOCAL.last = email", f"{KEPT} LOCAL"),
    "a context variable": (
        "VAR = contextvars.ContextVar('who')",
        "",
        "VAR.set(email)",
        f"{KEPT} the context variable who",
    ),
    "a memoised session": (
        "@functools.cache\ndef session(): return requests.Session()",
        "",
        "session().headers['X-Id'] = id",
        f"{KEPT} the cache of session",
    ),
    "the frames of an exception": (
        "FAILED = []",
        "",
        "try: {}[id]\n        except KeyError as no: FAILED[:] = [no]",
        f"{KEPT} FAILED",
    ),
    "an answer": (
        "",
        "def read(self, response): Mine.last = response; return by_status(response)\n",
        "",
        f"{KEPT} Mine.last",
    ),
    "something beside a library's whole interface": (
        "KEPT = {'api': [[number] for number in range(30_000)]}",
        "",
        "KEPT['last'] = id",
        f"{KEPT} KEPT",
    ),
    "a request that was sent": (
        "",
        "def send(self, request, settings, network): Mine.last = request; return Retry('away', 'Away.')\n",
        "",
        f"{KEPT} Mine.last",
    ),
}
ODD = """class Odd:
    __class__ = property(lambda _: 1 / 0)
    def __getattr__(self, name): raise OSError(name)
ODD = [Odd()]"""
Kept = Callable[[str, str, str], str]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """What the kit says of a plugin with those parts; nothing where it is sound."""

    def ask(top: str, body: str, build: str) -> str:
        text = _PLUGIN.replace("TOP", top).replace("BODY", body).replace("BUILD", build or "pass")
        (tmp_path / "mine.py").write_text(text)
        [loaded] = load_at(tmp_path / "mine.py").loaded
        declared = {"destination": type(loaded.plugin), "settings": {"url": "https://a.example/"}}
        contract = type("Contract", (DestinationContract,), declared)()
        try:
            contract.test_nothing_of_a_delivery_stays_behind()
        except AssertionError as error:
            return str(error)
        return ""

    return ask


@pytest.mark.parametrize(("top", "body", "build", "fault"), FAULTS.values(), ids=FAULTS)
def test_what_a_plugin_keeps_of_a_delivery_is_told_with_its_place(
    top: str, body: str, build: str, fault: str, kept: Kept
) -> None:
    assert kept(top, body, build).startswith(f"{fault}. It is there as long as the process")


@pytest.mark.parametrize(("top", "build"), [
    ("", ""),
    ("MEMO = {}", "MEMO.setdefault(url, requests.Session())"),
    ("@functools.cache\ndef made(url): return requests.Session()", "made(url)"),
    ("KNOWN = {}", "KNOWN[delivery.event.name] = True"),
    ("from urllib.parse import urlsplit", "urlsplit(f'https://a.example/{id}')"),
    ("import logging\nlogger = logging.getLogger('mine')", "logger.warning('sends %s', id)"),
    (ODD, ""),
])  # fmt: skip
def test_what_is_kept_of_no_delivery_or_by_somebody_else_is_fine(top: str, build: str, kept: Kept) -> None:
    assert kept(top, "", build) == ""


def test_what_is_walked_is_the_same_each_time() -> None:
    """A place that is made for the walk alone has the number of another that is gone, and is counted now and then."""
    assert [place for place, thing in reached(Webhook()) if thing == (None, None)] == []


def test_of_very_much_in_one_place_only_what_is_near_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Webhook, "api", [[number] for number in range(MOST)], raising=False)
    found = [place for place, _ in reached(Webhook())]
    assert found.count("Webhook.api") == MOST
    assert found.count("Webhook.default_mapping") > 1
