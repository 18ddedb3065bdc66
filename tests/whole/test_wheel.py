"""The wheel, installed in an environment of its own, does the main job from another folder."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from standardwebhooks import Webhook

from tests.receiver import Receiver
from tests.whole.conftest import ROOT, Server, until

pytestmark = pytest.mark.long

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def run(*words: object, folder: Path = ROOT) -> str:
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An environment that holds the wheel; what the wheel depends on, it borrows from the one that runs the tests."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    # A path in a .pth file, unlike PYTHONPATH, comes after the environment's own packages; and what .pth files lie
    # there (the editable install of this checkout) are not read.
    (libraries,) = environment.glob("lib/python*/site-packages")
    (libraries / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python")
    run(*pip, "install", "-q", "--no-index", "--no-deps", "--ignore-installed", wheel)
    return environment


def test_the_wheel_carries_an_event_and_shows_it(
    installed: Path, make_server: Callable[..., Server], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = run(installed / "bin" / "python", "-c", "import ours; print(ours.__file__)", folder=elsewhere)
    assert Path(where.strip()).is_relative_to(installed)
    server = make_server(
        command=(str(installed / "bin" / "ours"),), cwd=elsewhere, allow_networks="127.0.0.0/8"
    )  # fmt: skip
    with Receiver() as receiver:
        settings = ("--set", f"url={receiver.url}", "--set", f"secret={SECRET}")
        server.ours("destination", "add", "webhook", "Hook", *settings, "--events", "*")
        assert server.track("Purchase", properties={"amount": 9.5}).status_code == 200
        assert server.track("Purchase", mode="test").status_code == 200
        until(lambda: receiver.requests)
        figures = server.settled(accepted=2)
    assert (figures["delivered"], figures["sunk"]) == (1, 1)
    body = Webhook(SECRET).verify(receiver.requests[0].body, dict(receiver.requests[0].headers))
    assert body["data"]["properties"] == {"amount": 9.5}
    listed = server.ours("plugin", "list")
    assert {"webhook", "file", "meta"} <= {one["type"] for one in listed}
    assert all(one["where"].startswith(str(installed)) for one in listed)
    page = requests.get(f"{server.url}/sign-in", timeout=5)
    assert page.status_code == 200
    style = requests.get(f"{server.url}/static/ours.css", timeout=5)
    assert style.status_code == 200
    assert json.loads(requests.get(f"{server.url}/api/v1/openapi", timeout=5).text)["openapi"]
