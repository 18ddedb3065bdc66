"""A built-in, a drop-in and a plugin of an installed wheel all work the same, and none needs another file changed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ours.plugin import Request, load_settings
from ours.plugin.document import document
from ours.plugin.testing import sample_delivery
from ours.plugin.testing.running import run
from ours.registry import Loaded, load, load_built_in
from ours.settings import Settings

TREE = Path(__file__).parents[2]
CHAT = (TREE / "docs" / "examples" / "chat.py").read_text()
SETTINGS = {"url": "https://chat.example.com/rooms/7", "token": "a-token-for-tests"}
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "our-chat"
version = "1.2"

[project.entry-points."ours.destinations"]
chat = "our_chat"

[tool.hatch.build.targets.wheel]
include = ["our_chat.py"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a wheel with the example in it was built and installed."""
    project, site = tmp_path_factory.mktemp("our-chat"), tmp_path_factory.mktemp("site")
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "our_chat.py").write_text(CHAT)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=project, check=True, capture_output=True, timeout=60)
    [wheel] = (project / "dist").glob("*.whl")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    return site


@pytest.fixture(params=["built-in", "entry point", "drop-in"])
def found(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_settings: Callable[..., Settings],
) -> Loaded:
    """The example as it is found in each of the three places."""
    if request.param == "built-in":
        house = shutil.copytree(TREE / "destinations", tmp_path / "destinations")
        (house / "chat.py").write_text(CHAT)
        monkeypatch.setattr("ours.resources.folder", lambda _: house)
    elif request.param == "entry point":
        monkeypatch.syspath_prepend(request.getfixturevalue("site"))
    else:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "chat.py").write_text(CHAT)
    registry = load(make_settings())
    one = registry.get("chat")
    assert one is not None
    assert (one.origin, registry.set_aside) == (request.param, ())
    return one


def test_wherever_it_comes_from_it_works_the_same(found: Loaded) -> None:
    settings = load_settings(found.plugin, SETTINGS)
    made = found.plugin.build(sample_delivery(mapping=found.plugin.default_mapping, settings=settings))
    assert isinstance(made, Request)
    assert json.loads(json.dumps(made.json)) == {"text": "Order Completed at 2026-11-18T11:06:35.000Z"}
    assert [check for check in run(type(found.plugin), SETTINGS) if check.fault] == []
    assert document(found.plugin).startswith("# Team chat\n")


def test_adding_one_touches_no_other_file() -> None:
    """No file of the house names a built-in by its module: only its own, its test, its double and the docs do."""
    slugs = {one.slug for one in load_built_in().loaded} - {"webhook", "file"}
    for path in [
        *(TREE / "ours").rglob("*.py"),
        *(TREE / "templates").rglob("*.html"),
        *(TREE / "destinations").glob("*.py"),
    ]:
        if path.stem in slugs or path.parent.name == "doubles":
            continue
        text = path.read_text()
        named = [slug for slug in slugs if f"destinations.{slug}" in text or f'"{slug}"' in text or f"'{slug}'" in text]
        assert named == [], f"{path} names {named}"
