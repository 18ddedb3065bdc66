"""Both generations of the vendor's client pass the same suite (``client_suite.py``) against a live server."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ours.bootstrap import Ours
from ours.settings import Settings
from tests.browser.live import serving
from tests.whole.conftest import ROOT, Server, servers

pytestmark = pytest.mark.long

SUITE = "tests/whole/client_suite.py"
APART = Path(sys.prefix) / "clients"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers(tmp_path_factory.mktemp("clients")) as make:
        yield make()


@pytest.fixture(scope="module")
def limited_key(live: Server) -> str:
    key: str = live.ours("source", "add", "Limited")["key"]
    live.ours("source", "limit", "Limited", "2")
    return key


@pytest.fixture
def full(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """A server whose disk is nearly full."""
    make_database_url("sqlite")
    opened = Ours(make_settings(min_free_mb=10**9))
    key = opened.sources.add("Full", actor="cli").live_key
    with serving(opened) as address:
        yield {"CLIENT_FULL_URL": f"{address}/api/v1", "CLIENT_FULL_KEY": key}
    opened.close()


@pytest.mark.parametrize("version", ["1.33.0", "2.1.0"])
def test_the_client_passes_its_suite(live: Server, limited_key: str, full: dict[str, str], version: str) -> None:
    environ = dict(os.environ) | full
    if version != "1.33.0":
        if not (APART / version / "ours_privacy").is_dir():
            pytest.skip(f"NOT TESTED: version {version} is not in {APART}; `make test` says why it can't be installed")
        environ["PYTHONPATH"] = str(APART / version)
    environ |= {
        "CLIENT_VERSION": version,
        "CLIENT_URL": f"{live.url}/api/v1",
        "CLIENT_KEY": live.key("live"),
        "CLIENT_TEST_KEY": live.key("test"),
        "CLIENT_LIMITED_KEY": limited_key,
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", SUITE, "-n", "0", "-p", "no:cacheprovider"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    stored = [event["distinctId"] for event in live.ours("event", "list", "--limit", "200")]
    assert len({one for one in stored if one.startswith(f"{version}-lost")}) == 6
    assert len(stored) == len(set(stored))
