"""What an author is told of a plugin that fails the contract: line, input, one mistake once, and advice that fits."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ours import timebox
from ours.plugin import Destination
from ours.plugin.testing import watching
from ours.plugin.testing.running import Check, filled_settings, made_up_settings, run
from ours.registry import load_at

PLUGIN = """
import os
import sqlite3
import requests
from ours.plugin import *

class Mine(Destination):
    slug = label = "mine"
    summary = "Mine."
    default_mapping = {"text": "{{event.event}}"}

    class Settings(Schema):
        url = Endpoint(required=True, metadata={"label": "Address", "help": "Where to."})
        token = Secret(load_default=None, metadata={"label": "Token", "help": "Where from."})
        loud = fields.Boolean(load_default=False, metadata={"label": "Loud", "help": "Whether it is loud."})
        limit = fields.Integer(validate=validate.Range(5), metadata={"label": "Limit", "help": "How much."})
        kind = fields.String(load_default="a", validate=validate.OneOf(["a", "b"]),
                             metadata={"label": "Kind", "help": "Which."})

    def build(self, delivery):
        settings = delivery.settings
        BUILD

    BODY

@hookimpl
def register_destinations():
    return [Mine]
"""
FINE = 'return Request("POST", settings["url"], json={"id": delivery.id})'
Checked = Callable[..., list[Check]]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., type[Destination]]:
    def make(build: str = FINE, body: str = "") -> type[Destination]:
        file = tmp_path / "mine.py"
        file.write_text(PLUGIN.replace("BUILD", build).replace("BODY", body))
        [loaded] = load_at(file).loaded
        return type(loaded.plugin)

    return make


@pytest.fixture
def checked(made: Callable[..., type[Destination]]) -> Checked:
    return lambda build=FINE, body="": [one for one in run(made(build, body), {}) if one.fault]


def told(checks: list[Check]) -> set[str]:
    return {check.fault or "" for check in checks}


def test_a_sound_plugin_is_told_nothing(checked: Checked) -> None:
    assert checked() == []


DEDUPES = "dedupes = True"
HASHED = """import hashlib
        key = hashlib.sha256(delivery.event.distinct_id.encode()).hexdigest()
        return Request("POST", settings["url"], json={"key": key})"""


def test_an_id_that_is_sent_as_a_hash_is_an_id(checked: Checked) -> None:
    assert checked(HASHED, DEDUPES) == []


def test_a_request_without_any_id_is_told_of_when_repeats_are_said_to_be_dropped(checked: Checked) -> None:
    without = 'return Request("POST", settings["url"], json={"now": delivery.now, "text": delivery.event.name})'
    assert [check.name for check in checked(without, DEDUPES)] == [
        "every try carries the id that repeats are dropped by"
    ]


def test_one_mistake_is_told_once_with_its_line_and_inputs_and_no_advice_that_does_not_fit(checked: Checked) -> None:
    found = checked('return Request("POST", settings["ulr"])')
    assert len(found) > 5
    [fault] = told(found)
    assert fault == """build raised KeyError: 'ulr' (mine.py, line 22: return Request("POST", settings["ulr"]))."""
    assert {one.given for one in found} == {"the sample purchase", "a delivery without any field"}


def test_odd_input_is_named_and_advised_on(checked: Checked) -> None:
    found = checked('return Request("POST", settings["url"], data=delivery.fields["text"].encode())')
    by_name = {one.name: one for one in found}
    assert set(by_name) == {"build takes a delivery without any field", "build takes whatever a caller may send"}
    whatever = by_name["build takes whatever a caller may send"]
    assert (whatever.fault or "").endswith("Take what callers may send.")
    assert whatever.given == "the field text = None"


def test_an_answer_that_was_not_expected_is_named(checked: Checked) -> None:
    found = checked(body='def read(self, response): return response.json()["ok"] and Delivered()')
    [fault] = {one for one in told(found) if "raised" in one}
    assert fault.startswith("read raised JSONDecodeError: Expecting value: line 1 column 1 (char 0) (mine.py, line 24:")
    assert fault.endswith("An answer may be anything.")
    assert "an answer 100 with the body b''" in {one.given for one in found}


def test_what_fails_for_it_is_empty_in_a_delivery_is_told_as_that(checked: Checked) -> None:
    found = {one.name: one for one in checked('delivery.event.event_properties["value"]')}
    assert (found["build is pure"].fault or "").startswith("build raised KeyError: 'value'")
    told_too = found["build reads only what a delivery holds"].fault or ""
    assert "delivery.event.event_properties (map {{event.event_properties.value}})" in told_too


def test_a_fault_of_odd_input_ends_as_it_should(checked: Checked) -> None:
    found = checked('return delivery.fields.get("text") and ' + FINE.removeprefix("return "))
    assert {one.fault for one in found} >= {"build returned None, not a Request."}


def test_what_takes_long_is_told_and_not_asked_again(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SLOW", 0.05)
    found = checked(f"import time; time.sleep(0.1)\n        {FINE}")
    [fault] = told(found)
    assert fault.startswith("build took 0.")
    assert fault.endswith("All other destinations wait meanwhile: work out less in it, and wait for nothing.")


def test_what_is_slow_once_is_the_machine_and_not_the_plugin(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SLOW", 5.0)
    clock = iter([0.0, 6.0])
    monkeypatch.setattr(watching.time, "perf_counter", lambda: next(clock, 6.0))
    assert checked() == []


def test_what_rejects_all_there_is_would_send_nothing_and_is_told(checked: Checked) -> None:
    found = checked('return Rejected("failed", "Failed.")')
    assert [check.name for check in found] == ["something of what build is handed becomes a request"]


def test_what_skips_all_there_is_has_its_reasons(checked: Checked) -> None:
    assert checked('return Skipped("not_mine", "Another name is set.")') == []


@pytest.mark.parametrize("says", ['print("sends", delivery.fields)', "logging.warning(delivery.fields.get('who'))"])
def test_what_logs_or_prints_whom_an_event_names_is_told_just_that(checked: Checked, says: str) -> None:
    found = checked(f"import logging; {says}\n        {FINE}", 'default_mapping = {"who": Mapped("{{visitor.email}}")}')
    assert [check.name for check in found] == ["what is logged or printed names nobody"]
    assert "['jane@example.com']" in told(found).pop()


def test_a_log_line_that_names_nobody_is_fine_and_no_look_at_the_clock(checked: Checked) -> None:
    assert checked(f"import logging; logging.warning('sends %s', delivery.id)\n        {FINE}") == []


@pytest.mark.parametrize("body", ["while True: pass", "__import__('time').sleep(1000)"])
def test_what_does_not_end_is_stopped_and_not_asked_again(
    checked: Checked, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(timebox, "TICK", 0.02)
    monkeypatch.setattr(timebox, "SECONDS", 0.06)
    found = checked(body)
    assert told(found) == {f"build had not ended after 0 seconds (mine.py, line 22: {body})."}
    assert {one.given for one in found} == {"the sample purchase", None}


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "__import__('os')._exit(0)"])
def test_what_ends_the_process_is_told_and_does_not(checked: Checked, body: str) -> None:
    assert told(checked(body)) == {f"build tried to end the process (mine.py, line 22: {body})."}


@pytest.mark.parametrize(("body", "what"), [
    ("__import__('os').environ.update(TZ='Asia/Tokyo')", "the environment"),
    ("__import__('os').chdir('/')", "the working folder"),
    ("__import__('socket').setdefaulttimeout(5)", "the default timeout of sockets"),
    ("__import__('sys').setrecursionlimit(987)", "the limit of recursion"),
])  # fmt: skip
def test_what_changes_the_process_for_all_is_told(
    checked: Checked, body: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(".")
    before = socket.getdefaulttimeout(), sys.getrecursionlimit()
    try:
        assert f"build changed {what}, which all plugins share with Ours." in told(checked(body))
    finally:
        socket.setdefaulttimeout(before[0])
        sys.setrecursionlimit(before[1])


def test_what_takes_a_signal_is_told(checked: Checked) -> None:
    (fault,) = told(checked("__import__('signal').alarm(0)"))
    assert fault is not None
    assert fault.startswith("build raised ValueError: signal.alarm is not for plugins")


def test_what_is_no_exception_is_told_with_its_line(checked: Checked) -> None:
    raised = "raise GeneratorExit"
    assert told(checked(raised)) == {f"build raised GeneratorExit (mine.py, line 22: {raised})."}


def test_a_request_that_build_sends_by_itself_is_told_as_that_and_never_leaves(checked: Checked) -> None:
    [fault] = told(checked('requests.post(settings["url"], timeout=5); ' + FINE))
    assert fault.startswith("build sent a request by itself. It must be pure")
    assert "(mine.py, line 22: requests.post" in fault


@pytest.mark.parametrize(
    ("build", "fault"),
    [
        ('return Request("POST", settings["url"] + "?k=" + (settings["token"].reveal() if settings["token"] else ""))',
         "A secret shows in the address."),
        ('return Request("POST", settings["url"], headers={"Authorization": f"Bearer {settings[\'token\']}"})',
         "A masked secret was sent: call .reveal() on it in build."),
        ('return Request("POST", settings["url"], json={"loud": {1} if settings["loud"] else 0})',
         'build returned a request that can\'t be sent: json["loud"] is {1}, which is no JSON.'),
    ],
)  # fmt: skip
def test_settings_that_need_not_be_given_are_tried_too(checked: Checked, build: str, fault: str) -> None:
    found = checked(build)
    assert told(found) == {fault}
    assert all("every setting given" in (one.given or "") for one in found)


def test_every_setting_is_filled_as_far_as_something_likely_will_do(made: Callable[..., type[Destination]]) -> None:
    kind = made()
    assert made_up_settings(kind, {}) == {"url": "https://receiver.example.com/events"}
    assert filled_settings(kind, {"url": "https://a.example/"}) == {
        "url": "https://a.example/", "token": "a-token-for-checks", "loud": True, "kind": "b",
    }  # fmt: skip


SETTING = """class Settings(Schema):
        url = Endpoint(required=True, metadata={"label": "Address", "help": "Where to."})
        limit = fields.Integer(load_default=7, KEY, metadata={"label": "Limit", "help": "How much."})
        many = fields.List(fields.String(KEY_INNER), metadata={"label": "Many", "help": "Which."})
        BODY
"""
DEAF = "and the value is taken all the same: marshmallow 4 hears nothing but a ValidationError, so raise one."


VALIDATES = "from marshmallow import validates, validates_schema\n        @"
OF_LIMIT = f"{VALIDATES}validates('limit')\n        def of_limit(self, value, data_key): "
OF_ALL = f"{VALIDATES}validates_schema\n        def of_all(self, data, **_): "


@pytest.mark.parametrize(("parts", "who"), [
    ({"KEY": "validate=lambda value: value > 5"}, "The validator of the setting limit returned False for 0,"),
    ({"KEY": "validate=validate.And(validate.Range(1), lambda value: value > 5)"}, "The validator of the setting l"),
    ({"KEY_INNER": "validate=lambda value: value.startswith('a')"}, "The validator of the setting many returned False"),
    ({"BODY": f"{OF_LIMIT}return value > 5"}, "of_limit returned False for 0,"),
    ({"BODY": f"{OF_ALL}return data['limit'] != 0"}, "of_all returned False for 0,"),
])  # fmt: skip
def test_what_validates_by_an_answer_that_nobody_hears_is_told(
    checked: Checked, parts: dict[str, str], who: str
) -> None:
    [found] = checked(body=_settings(parts))
    assert found.name == "what validates a setting raises"
    assert (found.fault or "").startswith(who)
    assert DEAF in (found.fault or "")


def test_what_raises_where_it_should_may_return_what_it_likes(checked: Checked) -> None:
    hook = f"{OF_LIMIT}\n            if value > 9: raise ValidationError('No.')\n            return True"
    own = {"KEY": "validate=[validate.Range(-9), lambda value: None]", "KEY_INNER": "validate=validate.Length(max=9)"}
    assert checked(body=_settings({**own, "BODY": hook})) == []


def _settings(parts: dict[str, str]) -> str:
    inner, key = parts.get("KEY_INNER", ""), parts.get("KEY", "validate=[]")
    return SETTING.replace("KEY_INNER", inner).replace("KEY", key).replace("BODY", parts.get("BODY", "pass"))


SENDING = "def send(self, request, settings, network):\n        "


@pytest.mark.parametrize(
    ("send", "fault"),
    [
        ("return True", "send returned True, which is no outcome: return Delivered(), Retry(…) or another one."),
        ("return [Delivered()]", "send returned [Delivered(note='')], which is no outcome"),
        ('sqlite3.connect("x.db")', "send raised OperationalError: unable to open database file (mine.py, line 25: "),
        ('os.mkdir("x")', "Nothing could be reached or written. Say Retry: an exception rejects the event."),
        ("return Delivered() if request.body else None", "'Request' object has no attribute 'body' (mine.py, line 25:"),
    ],
)
def test_send_is_run_where_nothing_can_be_reached_or_written(checked: Checked, send: str, fault: str) -> None:
    [found] = checked(body=SENDING + send)
    assert found.name == "send says what came of it where nothing can be reached or written"
    assert fault in (found.fault or "")


@pytest.mark.parametrize(
    "send",
    [
        "network.connect('db.example', 5432)",
        "network.addresses('db.example', 5432)",
        "return Delivered(request.json['id'])",
        "try: open('x', 'w')\n        except OSError: return Retry('full', 'It is full.')",
    ],
)
def test_a_send_that_lets_refusals_pass_or_says_retry_is_sound(checked: Checked, send: str) -> None:
    assert checked(body=SENDING + send) == []


LATE = """
import sys, threading
from ours.plugin.testing.watching import sealed

class Late:
    audit = sys.audit
    def __del__(self):
        self.audit("open", "/x", None, 0)

with sealed():
    pass
threading.late = Late()
"""


def test_a_process_that_asked_the_kit_ends_in_silence() -> None:
    ended = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr == ""
