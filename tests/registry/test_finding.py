"""Where plugins are found, with real files, real packages and a real entry point."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ours.registry import PluginBroken, Registry, load, load_built_in
from ours.settings import Settings

PLUGIN = """
from ours.plugin import Destination, Request, hookimpl

class Tiny(Destination):
    slug = "{slug}"
    label = "Tiny"

    def build(self, delivery):
        return Request("POST", "https://example.com/")

@hookimpl
def register_destinations():
    return [Tiny]
"""


@pytest.fixture
def drop_in(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def loaded(make_settings: Callable[..., Settings]) -> Callable[[], Registry]:
    return lambda: load(make_settings())


def test_the_built_in_destinations_are_there_without_any_plugin(
    loaded: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.registry.registry.installed", list)
    registry = loaded()
    assert {"file", "webhook"} <= {one.slug for one in registry.loaded}
    assert {one.origin for one in registry.loaded} == {"built-in"}
    assert registry.set_aside == ()
    assert registry.get("nothing") is None


def test_a_file_in_the_plugins_folder_is_loaded(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry]
) -> None:
    path = drop_in("my-plugin.v2.py", PLUGIN.format(slug="tiny"))
    found = loaded().get("tiny")
    assert found is not None
    assert (found.slug, found.origin, found.where) == ("tiny", "drop-in", str(path))
    assert found.plugin.label == "Tiny"


def test_a_package_in_the_plugins_folder_may_import_its_own_modules(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry]
) -> None:
    drop_in("pack/names.py", 'SLUG = "packed"')
    drop_in("pack/__init__.py", PLUGIN.format(slug="x") + "\nfrom .names import SLUG\nTiny.slug = SLUG\n")
    assert loaded().get("packed") is not None
    drop_in("pack/names.py", 'SLUG = "repacked"')
    shutil.rmtree(drop_in("pack/__pycache__/x", "").parent)
    assert loaded().get("repacked") is not None


def test_hidden_and_private_names_and_other_files_are_left_alone(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry]
) -> None:
    for name in (
        "_private.py",
        ".hidden.py",
        "test_mine.py",
        "conftest.py",
        "notes.txt",
        "no_package/plugin.py",
        "__pycache__/x.py",
    ):
        drop_in(name, "raise SystemExit")
    assert loaded().set_aside == ()


def test_no_plugin_can_be_imported_by_name_or_stand_in_for_a_module(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry], tmp_path: Path
) -> None:
    drop_in("json.py", PLUGIN.format(slug="tiny"))
    before = list(sys.path)
    assert loaded().get("tiny") is not None
    assert sys.path == before
    assert "json.py" not in Path(str(sys.modules["json"].__file__)).parts
    assert str(tmp_path) not in str(sys.modules["json"].__file__)


def test_a_module_that_is_imported_by_another_thread_meanwhile_is_no_fault_of_a_plugin(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Name(str):
        __slots__ = ()

        def startswith(self, *_: Any) -> bool:  # while the names are looked through
            monkeypatch.setitem(sys.modules, "another", sys)
            return False

    monkeypatch.setitem(sys.modules, Name("first"), sys)
    drop_in("tiny.py", PLUGIN.format(slug="tiny"))
    assert loaded().get("tiny") is not None


def test_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: Callable[[], Registry]
) -> None:
    site = tmp_path / "site"
    metadata = site / "tiny_ours-1.2.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-ours\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text("[ours.destinations]\nbroken = no_such_tiny\ntiny = tiny_ours_plugin\n")
    (site / "tiny_ours_plugin.py").write_text(PLUGIN.format(slug="tiny"))
    monkeypatch.syspath_prepend(site)
    registry = loaded()
    found = registry.get("tiny")
    assert found is not None
    assert (found.origin, found.where) == ("entry point", "tiny_ours_plugin of tiny-ours 1.2")
    assert [(one.name, one.origin) for one in registry.set_aside] == [("broken", "entry point")]
    assert "module no_such_tiny" in registry.set_aside[0].reason


def test_the_first_to_claim_a_slug_keeps_it(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry]
) -> None:
    drop_in("a.py", PLUGIN.format(slug="tiny"))
    drop_in("b.py", PLUGIN.format(slug="tiny"))
    drop_in("c.py", PLUGIN.format(slug="webhook"))
    registry = loaded()
    [tiny] = [one for one in registry.loaded if one.slug == "tiny"]
    assert tiny.where.endswith("a.py")
    second, third = registry.set_aside
    assert second.name == "b"
    assert f"taken by the drop-in {tiny.where}" in second.reason
    assert "taken by the built-in" in third.reason


def test_two_looks_find_the_same_in_the_same_order(
    drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry]
) -> None:
    for name in "cab":
        drop_in(f"{name}.py", PLUGIN.format(slug=name))
    slugs = [[one.slug for one in loaded().loaded] for _ in range(2)]
    assert slugs[0] == slugs[1]
    assert slugs[0][-3:] == ["a", "b", "c"]


def test_a_plugins_folder_that_is_missing_or_unreadable_stops_nothing(
    loaded: Callable[[], Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loaded().set_aside == ()
    (tmp_path / "plugins").mkdir()

    def refuse(path: Path) -> Iterator[Path]:
        if path == tmp_path / "plugins":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", refuse)
    [problem] = loaded().set_aside
    assert "Permission denied" in problem.reason


def test_what_is_set_aside_is_logged(drop_in: Callable[[str, str], Path], loaded: Callable[[], Registry]) -> None:
    drop_in("broken.py", "1 / 0")
    with capture_logs() as lines:
        loaded()
    [line] = lines
    assert (line["log_level"], line["event"], line["plugin"]) == ("warning", "plugin_set_aside", "broken")
    assert "division by zero" in line["reason"]


def test_a_broken_built_in_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    monkeypatch.setattr("ours.resources.folder", lambda _: tmp_path)
    with pytest.raises(PluginBroken, match=r"The built-in destination bad can't be loaded: .*division by zero"):
        load_built_in()
