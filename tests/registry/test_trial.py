"""Every way in which a plugin can fail sets it aside, alone, with a sentence that helps its author."""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import requests

from ours import timebox
from ours.registry import Registry, load, shared
from ours.settings import Settings

CLASS = """
from ours.plugin import Destination, Headers, Request, Schema, Secret, fields, hookimpl

class Good(Destination):
    slug = "good"
    label = "Good"
    def build(self, delivery):
        return Request("POST", "https://example.com/")
"""
HOOK = CLASS + "\n@hookimpl\ndef register_destinations():\n    "
BAD = (
    CLASS
    + """
class Bad(Good):
    slug = "bad"
    {}

@hookimpl
def register_destinations():
    return [Bad, Good]
"""
)

MODULES = {
    "raises at import": (
        "x = 1\n1 / 0",
        "It raised an error while it was imported: ZeroDivisionError: division by zero (mine.py, line 2: 1 / 0).",
    ),
    "exits at import": ("import sys\nsys.exit(3)", "It tried to end the process (SystemExit) while it was imported."),
    "exits at import past everybody": (
        "import os\nos._exit(0)",
        "It tried to end the process (SystemExit) while it was imported.",
    ),
    "replaces what all share": (
        "import json\njson.dumps = lambda *_, **__: '{}'",
        "It replaced json.dumps, which all plugins share with Ours.",
    ),
    "replaces a method of what all share": (
        "import requests\nrequests.Session.send = lambda *_, **__: None",
        "It replaced requests.sessions.Session.send, which all plugins share with Ours.",
    ),
    "trusts every certificate": (
        "import ssl\nssl._create_default_https_context = ssl._create_unverified_context",
        "It replaced ssl._create_default_https_context, which all plugins share with Ours.",
    ),
    "is no Python": ("x = 1\ndef oops(:\n", "mine.py is not valid Python: line 2, invalid syntax."),
    "lacks a module": ("import no_such_stripe.api", "It needs the module no_such_stripe, which is not installed."),
    "is empty": ("", "It has no hook: write a function register_destinations"),
    "forgot the mark": (
        CLASS + "def register_destinations():\n    return [Good]",
        "Its register_destinations is not marked as a hook: decorate it with @hookimpl",
    ),
    "misspelt the hook": (
        CLASS + "@hookimpl\ndef register_destination():\n    return [Good]",
        "It implements register_destination, which is no hook. The only hook is register_destinations.",
    ),
    "takes arguments": (CLASS + "@hookimpl\ndef register_destinations(app):\n    return [Good]", "It raised an error"),
    "raises in the hook": (HOOK + "raise ValueError('no\\nluck')", "in register_destinations: ValueError: no luck"),
    "mistakes our name": (
        "from ours.plugins import Destination",
        "There is no ours.plugins: all that a plugin needs is imported from ours.plugin.",
    ),
    "imports a neighbour by name": ("import neighbour", "and write `from . import neighbour`."),
    "imports a neighbour without a folder": (
        "from . import neighbour",
        "into one folder, the plugin as its __init__.py.",
    ),
    "exits in the hook": (
        HOOK + "raise SystemExit",
        "It tried to end the process (SystemExit) in register_destinations.",
    ),
    "raises midway": (HOOK + "yield Good\n    raise OSError('late')", "in register_destinations: OSError: late"),
    "has a strange error": (
        CLASS + "class Odd(Exception):\n    def __str__(self): raise self\nraise Odd",
        "Odd: <exception str() failed>",
    ),
    "returns nothing": (HOOK + "pass", "Its register_destinations returned no destination"),
    "returns an empty list": (HOOK + "return []", "Its register_destinations returned no destination"),
    "returns the class": (HOOK + "return Good", "return a list of classes, [Good]."),
    "returns an instance": (HOOK + "return Good()", "returned an instance: return a list of classes, [Good]."),
    "returns a number": (HOOK + "return 5", "TypeError: 'int' object is not iterable"),
}
CLASSES = {
    "slug = 'Has Capitals'": "Its slug must be",
    "slug = None": "Its slug must be",
    "label = ' '": "It needs a label",
    "summary = None": "Its summary must be",
    "category = 'fun'": "Its category must be one of advertising, analytics, crm, infrastructure.",
    "identify = 'ignored'": "Its identify must be one of event, profile, skipped.",
    "def identify(self, delivery): pass": "Its identify must be one of event, profile, skipped.",
    "version = 2": "Its version must be",
    "hashed = 'email'": "Its hashed must list names of fields",
    "needs = 'boto3'": "Its needs must list names of modules",
    "needs = ['no_such_stripe.api']": "which is not installed. Install it and restart: `",
    "agreement = None": "Its agreement must be a text.",
    "dedupes = 'yes'": "Its dedupes must be True or False.",
    "Settings = dict": "Its Settings must be a marshmallow schema",
    "default_mapping = ['a']": "Its default_mapping must map field names to templates",
    "default_mapping = {'a': '{{event.event'}": (
        "Its default_mapping has braces that do not match in 'a': \"{{event.event\". Write {{path}}."
    ),
    "default_mapping = {'a': 5}": "Its default_mapping has no template for 'a': 5 is no text and no Mapped.",
    "default_mapping = {5: 'a'}": "Its default_mapping must map field names to templates",
    "def build(self, delivery, settings): pass": (
        "Its build does not take what Ours calls it with: write def build(self, delivery)."
    ),
    "async def build(self, delivery): pass": "Its build is async or yields: write def build(self, delivery)",
    "def send(self, request, settings): return True": "write def send(self, request, settings, network).",
    "def read_batch(self, response, items): yield": "Its read_batch is async or yields",
    "def read(response): pass": "Its read does not take what Ours calls it with: write def read(self, response).",
    "read = None": "Its read is no method: write def read(self, response).",
    "default_mapping = {'a': '{{event.nope}}'}": "Its default_mapping can't be read. a: There is no “event.nope”.",
    "build = Destination.build": "It has no build",
    "def __init__(self): raise KeyError('x')": "It raised an error while Bad was checked: KeyError: 'x'",
    "def __init__(self): raise SystemExit": "It tried to end the process (SystemExit) while Bad was checked.",
    "class Settings(Schema):\n        def __init__(self): 1 / 0": "ZeroDivisionError",
    "class Settings(Schema):\n        keys = fields.List(Secret())": "Its setting keys holds a Secret inside",
    "class Settings(Schema):\n        keys = fields.Dict(values=fields.Tuple([fields.Int(), Secret()]))": (
        "make each Secret a setting of its own."
    ),
    "class Settings(Schema):\n        of = fields.Nested(Schema.from_dict({'more': Headers()}))": (
        "Its setting of holds a Secret inside"
    ),
    "class Settings(Schema):\n        of = fields.Nested(lambda: Bad.Settings())\n        a = fields.List(Secret())": (
        "Its setting a holds"
    ),
}


@pytest.fixture
def tried(make_settings: Callable[..., Settings], tmp_path: Path) -> Callable[[str], Registry]:
    def write(text: str) -> Registry:
        folder = tmp_path / "plugins"
        folder.mkdir()
        (folder / "mine.py").write_text(text)
        (folder / "neighbour.py").write_text(HOOK.replace('"good"', '"neighbour"') + "return [Good]")
        return load(make_settings())

    return write


@pytest.mark.parametrize(("text", "reason"), MODULES.values(), ids=MODULES)
def test_a_plugin_that(text: str, reason: str, tried: Callable[[str], Registry]) -> None:
    registry = tried(text)
    [verdict] = registry.set_aside
    assert (verdict.name, verdict.origin) == ("mine", "drop-in")
    assert verdict.where.endswith("mine.py")
    assert reason in verdict.reason
    assert "\n" not in verdict.reason
    assert registry.get("neighbour") is not None


@pytest.mark.parametrize(
    ("owner", "key", "name"),
    [(json, "dumps", "json.dumps"), (requests.Session, "send", "requests.sessions.Session.send"),
     (requests.Response, "ok", "requests.models.Response.ok")],
)  # fmt: skip
def test_what_all_share_is_put_back(owner: Any, key: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, before = vars(owner)[key], shared.doors()
    monkeypatch.setattr(owner, key, None)
    assert shared.put_back(before) == name
    assert vars(owner)[key] is real
    assert shared.put_back(before) is None


@pytest.mark.skipif(sys.version_info < (3, 14), reason="an earlier Python reads an annotation where it stands")
def test_names_that_are_imported_for_type_checkers_alone_set_nothing_aside(tried: Callable[[str], Registry]) -> None:
    typed = CLASS.replace("(self, delivery)", "(self, delivery: Delivery) -> Sent")
    registry = tried(f"{typed}\n@hookimpl\ndef register_destinations() -> Iterable[type[Good]]:\n    return [Good]")
    assert not registry.set_aside
    assert registry.get("good") is not None


def test_a_thread_that_a_plugin_starts_while_it_is_loaded_keeps_no_process(tried: Callable[[str], Registry]) -> None:
    before = set(threading.enumerate())
    start = "import threading\nend = threading.Event()\nthreading.Thread(target=end.wait, args=(60,)).start()\n"
    loaded = tried(start + HOOK + "return [Good]").get("good")
    assert loaded is not None
    [started] = set(threading.enumerate()) - before
    sys.modules[type(loaded.plugin).__module__].end.set()
    assert started.daemon
    assert not threading.current_thread().daemon


def test_a_plugin_is_not_blamed_for_what_a_module_chooses_when_it_is_used_first(
    tried: Callable[[str], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib3.util.wait.wait_for_socket", lambda *_, **__: True)
    call = "from urllib3.util import wait\nwait.wait_for_socket = wait.poll_wait_for_socket\n"
    assert tried(call + HOOK + "return [Good]").get("good") is not None


def test_a_module_that_a_plugin_hides_from_all_stands_in_no_others_way(
    tried: Callable[[str], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "urllib3.contrib.pyopenssl", Mock())
    hide = "import sys\nsys.modules['urllib3.contrib.pyopenssl'] = None\n"
    registry = tried(hide + HOOK + "return [Good]")
    assert registry.get("neighbour") is not None


@pytest.mark.parametrize(("fault", "reason"), CLASSES.items(), ids=CLASSES)
def test_a_wrong_class_is_set_aside_and_spoils_no_other(
    fault: str, reason: str, tried: Callable[[str], Registry]
) -> None:
    registry = tried(BAD.format(fault))
    [verdict] = registry.set_aside
    assert verdict.name == "mine:Bad"
    assert reason in verdict.reason
    assert registry.get("bad") is None
    assert registry.get("good") is not None


def test_all_faults_of_a_class_are_told_at_once(tried: Callable[[str], Registry]) -> None:
    [verdict] = tried(BAD.format("label = ''; version = ''")).set_aside
    assert "label" in verdict.reason
    assert "version" in verdict.reason


def test_however_a_method_is_written_it_is_taken(tried: Callable[[str], Registry]) -> None:
    registry = tried(
        BAD.format(
            "build = lambda *_: None\n    def read(self, answer, *, strict=False): pass\n    @staticmethod\n"
            "    def token_request(settings, now): pass\n    @classmethod\n    def group(cls, delivery): return ''"
        )
    )
    assert (registry.set_aside, registry.get("bad") is None) == ((), False)


@pytest.mark.parametrize(
    ("returned", "name", "reason"),
    [
        ("Good()", "mine:Good", "It announced an instance of Good: announce the class itself."),
        ("'good'", "mine:str", "It announced 'good', which is not a subclass of Destination."),
        ("int", "mine:int", "It announced <class 'int'>, which is not a subclass of Destination."),
    ],
)
def test_what_is_no_class_of_ours_is_set_aside(
    returned: str, name: str, reason: str, tried: Callable[[str], Registry]
) -> None:
    [verdict] = tried(HOOK + f"return [{returned}]").set_aside
    assert (verdict.name, verdict.reason) == (name, reason)


def test_the_operators_own_interrupt_is_not_swallowed(tried: Callable[[str], Registry]) -> None:
    with pytest.raises(KeyboardInterrupt):
        tried("raise KeyboardInterrupt")


@pytest.mark.parametrize(
    ("text", "moment", "line"),
    [
        ("x = 1\nwhile True: pass", "while it was imported", 2),
        ("import time\ntime.sleep(1000)", "while it was imported", 2),
        (HOOK + "while True: pass", "in register_destinations", 12),
        (BAD.format("def __init__(self):\n        while True: pass"), "while Bad was checked", 13),
    ],
    ids=["an import that turns round", "an import that waits", "a hook", "a class"],
)
def test_what_does_not_end_is_set_aside(
    text: str, moment: str, line: int, tried: Callable[[str], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timebox, "TICK", 0.02)
    monkeypatch.setattr(timebox, "SECONDS", 0.06)
    [verdict] = tried(text).set_aside
    assert verdict.reason == f"It had not ended after 0 seconds {moment} (mine.py, line {line})."


def test_what_a_plugin_prints_is_out_of_the_way_of_documents(
    tried: Callable[[str], Registry], capsys: pytest.CaptureFixture[str]
) -> None:
    tried("print('hello from mine')\n" + HOOK + "print('hello again')\n    return [Good]")
    said = capsys.readouterr()
    assert "hello" not in said.out
    assert "hello from mine\nhello again\n" in said.err
