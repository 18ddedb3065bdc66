"""``ours plugin``: what there is, and what helps an author."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ours import timebox
from ours.cli import double as doubles
from ours.plugin import load_settings
from ours.registry import Registry, SetAside, load_built_in
from tests.cli.conftest import Terminal

BROKEN = """
from ours.plugin import Destination, Request, hookimpl

class Broken(Destination):
    slug = "broken"
    label = "Broken"
    summary = "Takes much for granted."

    def build(self, delivery):
        return Request("POST", "https://example.com/", json={"text": delivery.fields["nothing"].upper()})

@hookimpl
def register_destinations():
    return [Broken]
"""


def test_plugins_are_listed_with_what_was_set_aside_and_why(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    monkeypatch.setenv("OURS_PLUGINS_DIR", str(tmp_path))
    listed = {one["name"]: one for one in terminal.json("plugin", "list")}
    assert listed["webhook"]["status"] == "loaded"
    assert listed["webhook"]["origin"] == "built-in"
    aside = next(one for one in listed.values() if one["status"] == "set aside")
    assert aside["type"] is None
    assert "no such luck" in aside["reason"]
    assert "no such luck" in terminal.text("plugin", "list")


def test_a_plugin_whose_extra_is_missing_is_listed_with_the_line(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = SetAside("s3", "built-in", "here", "It needs the module boto3.", "pip install 'ours[s3]'")
    monkeypatch.setattr("ours.registry.load", lambda _: Registry([], [], [lacking]))
    [listed] = terminal.json("plugin", "list")
    assert (listed["status"], listed["install"]) == ("not installed", "pip install 'ours[s3]'")
    assert "not installed" in terminal.text("plugin", "list")


def test_a_new_plugin_passes_its_own_test_the_check_and_a_try(terminal: Terminal, tmp_path: Path) -> None:
    made = terminal.json("plugin", "new", "crm-bot", "--into", str(tmp_path / "mine"))
    plugin, test = made["files"]
    assert (made["type"], Path(plugin).name, Path(test).name) == ("crm-bot", "crm_bot.py", "test_crm_bot.py")
    checked = terminal.json("plugin", "check", plugin)
    assert (checked["ok"], checked["setAside"]) == (True, [])
    assert len(checked["destinations"][0]["checks"]) > 10
    assert "ok     build is pure" in terminal.text("plugin", "check", plugin)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", test],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_new_plugin_overwrites_nothing_and_has_a_python_name(terminal: Terminal, tmp_path: Path) -> None:
    terminal.json("plugin", "new", "crm", "--into", str(tmp_path))
    assert "already exists" in terminal.json("plugin", "new", "crm", "--into", str(tmp_path), status=1)["error"]
    assert "can't be a plugin's name" in terminal.json("plugin", "new", "Crm-Bot", status=1)["error"]


@pytest.mark.parametrize("name", ["class", "json", "requests", "ours", "conftest"])
def test_a_new_plugin_takes_no_name_that_python_has_a_use_for(terminal: Terminal, tmp_path: Path, name: str) -> None:
    """`from class import Class` is no Python, and a json.py beside a test stands in for the real one."""
    refused = terminal.json("plugin", "new", name, "--into", str(tmp_path / "mine"), status=1)["error"]
    assert (
        refused
        == f'"{name}" means something to Python already: a file {name}.py would stand in its way. Choose another.'
    )
    assert not (tmp_path / "mine").exists()


def test_a_new_plugin_takes_no_slug_of_another(terminal: Terminal, tmp_path: Path) -> None:
    refused = terminal.json("plugin", "new", "webhook", "--into", str(tmp_path), status=1)["error"]
    assert "is taken by the built-in" in refused


def test_what_a_plugin_prints_is_not_strewn_over_what_the_check_says(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        BROKEN.replace("return Request", 'print("\\x1b[31mloud")\n        return Request')
    )
    told = terminal.run("plugin", "check", str(tmp_path / "loud.py")).output
    assert told.splitlines()[0] == "broken"
    assert "[31m" not in told


def test_a_folder_that_is_no_package_is_told_what_it_lacks(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "chat.py").touch()
    document = terminal.json("plugin", "check", str(tmp_path / "mine"), status=1)
    assert "has no __init__.py" in document["setAside"][0]["reason"]


def test_a_check_says_what_is_wrong_and_ends_with_status_1(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    document = terminal.json("plugin", "check", str(tmp_path / "broken.py"), status=1)
    faults = [one["fault"] for one in document["destinations"][0]["checks"] if one["fault"]]
    assert any("KeyError" in fault and "broken.py, line 10" in fault for fault in faults)
    told = terminal.run("plugin", "check", str(tmp_path / "broken.py")).output
    assert "wrong  build is pure" in told
    assert told.count("KeyError") == 1
    assert "Found with the sample purchase" in told


def test_a_check_of_what_would_be_set_aside_says_why(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "oops.py").write_text("def oops(:")
    document = terminal.json("plugin", "check", str(tmp_path / "oops.py"), status=1)
    assert "not valid Python" in document["setAside"][0]["reason"]
    assert "There is no file" in terminal.json("plugin", "check", "nothing", status=1)["error"]


def test_a_check_asks_for_the_settings_that_it_can_not_think_of(terminal: Terminal) -> None:
    refused = terminal.json("plugin", "check", "webhook", "--set", "secret=short", status=1)
    assert "give working ones with --set KEY=VALUE. secret: Must be whsec_" in refused["error"]
    assert terminal.json("plugin", "check", "webhook", "--set", "headers.X-Team=the-team")["ok"]


TWO = """
from ours.plugin import Destination, Request, Schema, fields, hookimpl

print("while it is imported")

class One(Destination):
    slug, label, summary = "one", "One", "The first."

    class Settings(Schema):
        print("while a class is made")
        path = fields.String(required=True, validate=lambda path: print("while it is validated"),
                             metadata={"label": "Path", "help": "Where."})

    def build(self, delivery):
        print("while it builds")
        return Request("POST", f"https://example.com/{delivery.settings['path']}")

class Webhook(One):
    slug = "webhook"

    class Settings(Schema):
        team = fields.String(metadata={"label": "Team", "help": "Whose."})

    def build(self, delivery):
        return Request("POST", "https://example.com/")

@hookimpl
def register_destinations():
    print("while it registers")
    return [One, Webhook]
"""


def test_of_several_classes_each_takes_its_own_settings_and_one_can_be_named(
    terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "two.py").write_text(TWO)
    two = str(tmp_path / "two.py")
    both = terminal.json("plugin", "check", two, "--set", "path=a/b", status=1)
    assert [(one["type"], one["ok"]) for one in both["destinations"]] == [("one", True), ("webhook", True)]
    assert "no setting nope" in terminal.json("plugin", "check", two, "--set", "nope=1", status=1)["error"]
    [named] = terminal.json("plugin", "check", two, "--type", "one")["destinations"]
    assert (named["type"], named["ok"]) == ("one", True)
    assert "None of them is three" in terminal.json("plugin", "check", two, "--type", "three", status=1)["error"]


def test_a_slug_that_a_built_in_has_is_told(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(TWO)
    document = terminal.json("plugin", "check", str(tmp_path / "two.py"), "--type", "webhook", status=1)
    [aside] = document["setAside"]
    assert (document["destinations"][0]["ok"], aside["name"]) == (True, "webhook")
    assert 'The slug "webhook" is taken by the built-in ' in aside["reason"]
    built_in = Path(__file__).parents[2] / "destinations/webhook.py"
    assert terminal.json("plugin", "check", str(built_in))["setAside"] == []


def test_what_a_plugin_prints_does_not_spoil_a_document(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two.py").write_text(TWO)
    two = str(tmp_path / "two.py")
    terminal.json("plugin", "check", two, "--type", "one")
    terminal.json("plugin", "try", two, "--type", "one")
    assert "while it builds" in terminal.run("plugin", "try", two, "--type", "one", "--json").stderr
    monkeypatch.setenv("OURS_PLUGINS_DIR", str(tmp_path))
    terminal.json("plugin", "list")
    terminal.json("destination", "list")


NEEDY = """
from ours.plugin import Destination, Mapped, Request, hookimpl

class Needy(Destination):
    slug, label, summary, category = "needy", "Needy", "It needs much.", "CATEGORY"
    default_mapping = {"email": "{{visitor.email}}", "value": Mapped("{{event.event_properties.nope}}", required=True)}

    def build(self, delivery):
        BUILD

@hookimpl
def register_destinations():
    return [Needy]
"""


def test_a_try_shows_what_the_server_would_do_and_nothing_else(terminal: Terminal, tmp_path: Path) -> None:
    def needy(build: str, category: str = "crm") -> str:
        (tmp_path / "needy.py").write_text(NEEDY.replace("BUILD", build).replace("CATEGORY", category))
        return str(tmp_path / "needy.py")

    fine = 'return Request("POST", "https://example.com/", json=dict(delivery.fields))'
    refused = terminal.json("plugin", "try", needy(fine))
    assert (refused["outcome"], refused["code"], refused["request"]) == ("rejected", "field_missing", None)
    assert refused["message"] == "The mapping gives no value for value."
    shown = terminal.json("plugin", "try", needy(fine), "--map", "value={{event.event_properties.value}}")
    assert json.loads(shown["request"]["body"]) == {"email": "jane@example.com", "value": 129.9}
    withheld = terminal.json("plugin", "try", needy(fine, "advertising"), "--map", "value=1")
    assert json.loads(withheld["request"]["body"]) == {"value": "1"}
    empty = 'return Request("POST", "https://example.com/", json=delivery.event.event_properties)'
    assert terminal.json("plugin", "try", needy(empty), "--map", "value=1")["request"]["body"] in ("", "{}")


@pytest.mark.parametrize(
    ("build", "told"),
    [
        ("return delivery.fields['x']", "build raised KeyError: 'x' (needy.py, line 9: return delivery.fields['x'])."),
        ("return 5", "build returned 5, not a Request."),
        ("return Request('POST', 'https://example.com/', json={'a': {1}})", 'json["a"] is {1}, which is no JSON.'),
        ("while True: pass", "build had not ended after 0 seconds (needy.py, line 9: while True: pass)."),
    ],
)
def test_a_try_of_a_plugin_that_fails_says_where(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: str, told: str
) -> None:
    monkeypatch.setattr(timebox, "TICK", 0.02)
    monkeypatch.setattr(timebox, "SECONDS", 0.4)
    (tmp_path / "needy.py").write_text(NEEDY.replace("BUILD", build).replace("CATEGORY", "crm"))
    assert told in terminal.json("plugin", "try", str(tmp_path / "needy.py"), "--map", "value=1", status=1)["error"]


def test_a_try_shows_the_request_for_a_callers_event_with_secrets_masked(terminal: Terminal, tmp_path: Path) -> None:
    event = {"event": "Signed Up", "externalId": "c-1", "distinctId": "d-1", "eventProperties": {"plan": "gold"}}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    settings = ("--set", "url=https://example.com/?key=abcdef", "--set", "headers.X-Key=opensesame")
    shown = terminal.json("plugin", "try", "webhook", "--event", str(file), *settings, "--map", "plan=a {{visitor.id}}")
    request = shown["request"]
    assert request["url"] == "https://example.com/?key=••••"
    assert request["headers"]["X-Key"] == "••••"
    body = json.loads(request["body"])
    assert (body["type"], body["data"]["properties"], body["data"]["distinctId"]) == (
        "Signed Up", {"plan": "gold"}, "d-1",
    )  # fmt: skip
    assert body["data"]["plan"].startswith("a ")
    assert "POST https://example.com/?key=••••" in terminal.text(
        "plugin", "try", "webhook", "--event", str(file), *settings
    )


def test_a_try_shows_where_an_access_token_would_be(terminal: Terminal) -> None:
    with doubles.find("google_data_manager")() as standing:
        settings = [word for name, value in standing.settings.items() for word in ("--set", f"{name}={value}")]
    shown = terminal.json("plugin", "try", "google_data_manager", *settings)
    assert shown["request"]["headers"]["Authorization"] == "••••"
    checked = terminal.run("plugin", "check", "google_data_manager", *settings)
    assert (checked.exit_code, checked.stderr) == (0, "")


def test_a_try_takes_identifies_and_samples_and_says_why_nothing_is_sent(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "identify.json"
    file.write_text('{"userId": "u", "userProperties": {"email": "jane@example.com"}}')
    shown = terminal.json("plugin", "try", "file", "--event", str(file), "--map", "to={{visitor.email}}")
    assert (shown["event"], shown["fields"]["to"]) == ("$identify", "jane@example.com")
    (tmp_path / "chat.py").write_text((Path(__file__).parents[2] / "docs/examples/chat.py").read_text())
    document = terminal.json("plugin", "try", str(tmp_path / "chat.py"), "--map", "text=")
    assert (document["outcome"], document["code"], document["request"]) == ("rejected", "no_text", None)
    assert "rejected: no_text." in terminal.text("plugin", "try", str(tmp_path / "chat.py"), "--map", "text=")


def test_a_double_stands_in_for_a_vendor_and_shows_what_came(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said: list[str] = []
    words = ("plugin", "double", "mixpanel", "--port", str(port), "--calls", "1", "--json")
    runner = threading.Thread(target=lambda: said.append(terminal.run(*words).output))
    runner.start()
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(10, backoff_factor=0.1)))
    answer = session.post(f"http://127.0.0.1:{port}/engage", json=[{"$token": "a-token", "$distinct_id": "u1"}])
    runner.join(10)
    assert answer.json() == {"error": None, "status": 1}
    told, _, calls = said[0].rpartition("}\n{")
    assert json.loads(told + "}")["settings"] == {"endpoint": f"http://127.0.0.1:{port}", "token": "a-token"}
    assert json.loads("{" + calls) == {"method": "POST", "path": "/engage", "status": 200, "kept": 0}


def test_a_double_says_that_its_port_is_taken(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = terminal.run("plugin", "double", "webhook", "--port", str(port))
    assert (said.exit_code, f"port {port}: Address already in use" in said.stderr) == (1, True)


def test_every_double_is_named_for_a_plugin_and_reached_with_settings_that_it_takes(terminal: Terminal) -> None:
    loaded = {one.slug: one.plugin for one in load_built_in().loaded}
    assert {"meta", "webhook"} < set(doubles.names()) < set(loaded)
    for name in doubles.names():
        with doubles.find(name)() as standing:
            told = doubles.told(name, standing)
            settings = load_settings(loaded[name], told["settings"])
            assert f"add {name} {name}-double " in told["add"]
            assert "--agreement self-hosted" in told["add"]
            assert settings.get("endpoint", settings.get("url", "")).startswith(standing.url)
    refused = terminal.json("plugin", "double", "ourcrm", status=1)["error"]
    assert "There is no double" in refused
    assert "The one of webhook takes what any plugin posts" in refused


@pytest.mark.parametrize("body", ["[]", "{", '{"event": 5}'])
def test_a_try_refuses_what_no_caller_may_post(terminal: Terminal, tmp_path: Path, body: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(body)
    assert terminal.json("plugin", "try", "file", "--event", str(file), status=1)["code"] == "invalid"
