"""The files in ``deploy/`` name nothing that is not there."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import requests
import yaml

from ours.cli import cli
from ours.settings import PREFIX, SettingsSchema
from ours.web import arriving
from tests.receiver import Receiver
from tests.whole.conftest import free_port, until

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
TEXTS = {path.name: path.read_text() for path in DEPLOY.rglob("*") if path.is_file()}
RULE_TESTS = ("alerts_test.yaml", "alerts_week_test.yaml")


def verb_exists(words: list[str]) -> bool:
    command: Any = cli
    for word in words:
        if not isinstance(command, click.Group):
            return True
        command = command.get_command(click.Context(command), word)
        if command is None:
            return False
    return not isinstance(command, click.Group)


def test_every_setting_that_a_file_names_exists() -> None:
    known = {PREFIX + name.upper() for name in SettingsSchema().fields}
    named = {name for text in TEXTS.values() for name in re.findall(r"\bOURS_[A-Z_]+\b", text)}
    assert len(named) > 5
    assert named <= known


def test_every_verb_that_a_file_runs_exists() -> None:
    compose = yaml.safe_load(TEXTS["compose.yaml"])["services"]
    ran = [service["command"] for service in compose.values() if service.get("image") == "ours"]
    for name, text in TEXTS.items():
        if name.endswith(".service"):
            ran += [found.split() for found in re.findall(r"^ExecStart=\S+/ours (.+)$", text, re.M)]
    ran.append(re.findall(r'^CMD \["(\w+)"\]', TEXTS["Dockerfile"], re.M))
    assert len(ran) >= 11
    assert [words for words in ran if not verb_exists(words)] == []


def test_a_setting_in_the_file_beside_compose_reaches_every_process_and_no_commit() -> None:
    compose = yaml.safe_load(TEXTS["compose.yaml"])["services"]
    ours = {name: service for name, service in compose.items() if service.get("image") == "ours"}
    assert {service["env_file"] for service in ours.values()} == {".env"}
    fixed = {"OURS_PORT", "OURS_DATABASE_URL", "OURS_REDIS_URL", "OURS_SECRET_KEYS"}
    assert [name for name, service in ours.items() if set(service["environment"]) != fixed] == []
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_the_image_gets_every_folder_that_the_wheel_is_made_of() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", TEXTS["Dockerfile"], re.M)
    assert {"ours", "destinations", "templates"} <= set(copied)
    let_through = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M))
    assert {Path(name).parts[0] for line in copied for name in line.split()} <= let_through


def test_a_source_distribution_has_all_that_the_image_is_made_of() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"][
        "include"
    ]
    let_through = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert {f"/{name}" for name in let_through} - set(built) == {"/pyproject.toml"}  # which is always there
    assert {"/deploy", "/Makefile", "/.dockerignore"} <= set(built)


def test_a_unit_that_is_always_restarted_is_never_given_up() -> None:
    """`ours serve` ends while its database is away: five times in ten seconds, and systemd would leave it so."""
    units = {name: text for name, text in TEXTS.items() if name.endswith(".service")}
    assert len(units) == 5
    for text in units.values():
        unit, service = text.split("[Service]")
        assert "Restart=always" in service
        assert "StartLimitIntervalSec=0" in unit


def test_caddy_waits_longer_for_a_body_than_we_do_and_keeps_none() -> None:
    """It may answer 200 to a caller whose body it gave up."""
    (seconds,) = re.findall(r"\bread_body (\d+)s$", TEXTS["Caddyfile"], re.M)
    assert int(seconds) > arriving.SECONDS
    assert "request_buffers" not in TEXTS["Caddyfile"]


def test_a_proxy_lets_go_of_a_resting_connection_before_we_do() -> None:
    kept = int(SettingsSchema().fields["keep_alive_seconds"].load_default)
    for name, directive in (("nginx.conf", "keepalive_timeout"), ("Caddyfile", "keepalive")):
        (seconds,) = re.findall(rf"^\s*{directive} (\d+)s\b", TEXTS[name], re.M)
        assert int(seconds) < kept


def test_caddy_counts_no_body_that_we_may_have_answered_already() -> None:
    """All of Caddy 2.6 ends when it finds a body too large while it passes our answer on."""
    assert re.findall(r"^\s*(?:request_body|max_size)\b", TEXTS["Caddyfile"], re.M) == []


def test_caddy_makes_no_second_try_for_which_it_has_no_body_left() -> None:
    assert re.findall(r"^\s*lb_try\w*", TEXTS["Caddyfile"], re.M) == []


def test_caddy_is_told_to_drop_what_nginx_drops_by_itself() -> None:
    assert {"-X_*", "-X-Forwarded_*"} <= {*re.findall(r"^\s*header_up (\S+)", TEXTS["Caddyfile"], re.M)}


SPELLINGS = (
    "X_Forwarded_For",
    "x_forwarded_for",
    "X-Forwarded_For",
    "X_Forwarded-For",
    "X_Forwarded_Host",
    "x-forwarded_proto",
)


@pytest.mark.skipif(shutil.which("caddy") is None, reason="there is no Caddy")
@pytest.mark.parametrize("name", SPELLINGS)
def test_caddy_lets_no_caller_write_what_we_trust_it_for(caddy: str, receiver: Receiver, name: str) -> None:
    """Ours is handed one value for each name, and there an underscore is a hyphen."""
    answer = requests.get(f"{caddy}/health", headers={"Host": "events.example.com", name: "203.0.113.9"}, timeout=10)
    assert answer.status_code == 200
    (came,) = (one for one in receiver.requests if one.path == "/health")
    trusted = [each for each in came.headers if each.lower().replace("_", "-").startswith("x-forwarded-")]
    assert trusted
    assert [each for each in trusted if "_" in each or "203.0.113.9" in came.headers[each]] == []


@pytest.mark.skipif(shutil.which("caddy") is None, reason="there is no Caddy")
def test_who_asks_caddy_whether_to_go_on_is_told_so_once(caddy: str, receiver: Receiver) -> None:
    head = b"POST /track HTTP/1.1\r\nHost: events.example.com\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(caddy.rpartition(":")[2])), timeout=10) as caller:
        caller.sendall(head)
        assert caller.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        caller.sendall(b"{}")
        assert caller.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    (came,) = (one for one in receiver.requests if one.path == "/track")
    assert "Expect" not in came.headers


@pytest.mark.skipif(shutil.which("caddy") is None, reason="there is no Caddy")
def test_what_caddy_answers_itself_reads_as_our_own_refusals(caddy: str, receiver: Receiver) -> None:
    receiver.close()
    answer = requests.post(f"{caddy}/api/v1/track", "{}", headers={"Host": "events.example.com"}, timeout=10)
    assert answer.status_code in {502, 503}
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Retry-After"], answer.json()["code"]) == ("2", "unavailable")
    assert set(answer.json()) == {"success", "error", "code"}


@pytest.fixture
def caddy(receiver: Receiver, tmp_path: Path) -> Iterator[str]:
    """Our Caddyfile, in front of the receiver and without TLS; the address."""
    port = free_port()
    text = TEXTS["Caddyfile"].replace("127.0.0.1:8000", f"127.0.0.1:{receiver.port}")
    text = text.replace("events.example.com {", f"http://events.example.com:{port} {{\n\tbind 127.0.0.1")
    (tmp_path / "Caddyfile").write_text(text.replace("{\n\tservers", "{\n\tadmin off\n\tauto_https off\n\tservers", 1))
    own = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    words = ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    with subprocess.Popen(words, cwd=tmp_path, env=own, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: listens(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_nginx_is_told_in_words_that_the_one_of_debian_12_knows() -> None:
    assert not re.search(r"^\s*http2 on;", TEXTS["nginx.conf"], re.M)


def test_nginx_passes_the_port_on_that_a_form_was_sent_to() -> None:
    """Who is asked for on another port than 443 under a name alone takes every form for another site's."""
    assert set(re.findall(r"proxy_set_header (?:X-Forwarded-)?Host (\S+);", TEXTS["nginx.conf"])) == {"$http_host"}


def test_what_nginx_answers_itself_can_be_read_by_a_callers_program() -> None:
    conf = TEXTS["nginx.conf"]
    told = {int(status): json.loads(body) for status, body in re.findall(r"return (\d+) '(.+)';", conf)}
    assert sorted(told) == [413, 502]
    assert all({"success", "error", "code"} <= set(answer) for answer in told.values())
    (most,) = re.findall(r"client_max_body_size (\d+)m;", conf)
    assert told[413]["limit"] == int(most) << 20
    assert f"{told[413]['limit']:,} bytes" in told[413]["error"]
    assert {"413", "502", "504"} <= set(" ".join(re.findall(r"error_page (.+) @", conf)).split())


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_a_set_up_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    """Ctrl-C, or a Debian without python3-venv, leaves an interpreter without pip."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    words = ["make", "-n", "-f", str(ROOT / "Makefile"), "run"]
    for name in ("locks/run.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    told = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert " -m venv .venv" in told


def test_make_says_which_pythons_are_tried_where_a_library_can_not_be_installed(tmp_path: Path) -> None:
    for name in ("locks/run.txt", "pyproject.toml", ".venv/bin/pip", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    words = ["make", "-f", str(ROOT / "Makefile"), "run"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    assert "tried on Python 3.11 to 3.14" in said.stderr
    assert "tried on Python" not in said.stdout


def test_every_alert_rule_fires_when_it_should_and_not_when_all_is_well() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool here (Debian has it in the package prometheus): no alert rule was tried")
    for words in (["check", "config", "--syntax-only", "prometheus.yaml"], ["test", "rules", *RULE_TESTS]):
        tried = subprocess.run(
            [promtool, *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
        )
        assert tried.returncode == 0, tried.stdout + tried.stderr


def test_no_alert_rule_is_left_untried() -> None:
    rules = yaml.safe_load(TEXTS["alerts.yaml"])["groups"][0]["rules"]
    tried = [one for name in RULE_TESTS for one in yaml.safe_load(TEXTS[name])["tests"]]
    fire = {
        sample["labels"]
        for one in tried
        for asked in one["promql_expr_test"]
        for sample in asked.get("exp_samples", [])
    }
    assert fire == {f'{{alertname="{rule["alert"]}"}}' for rule in rules}


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(("made_by", "told"), [(sys.executable, False), ("/bin/true", True)])
def test_make_says_that_another_python_than_the_one_asked_for_is_used(tmp_path: Path, made_by: str, told: bool) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(made_by)
    words = ["make", "-n", "-f", str(ROOT / "Makefile"), f'PYTHON="{sys.executable}"', "clean"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ("made by another Python" in said.stderr) is told
