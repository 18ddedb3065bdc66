"""A plugin that lacks a package is listed with the line that installs it, and nothing else fails."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ours.registry import PluginBroken, load, load_at
from ours.registry.extras import extra_with, first_missing, line_for
from ours.settings import Settings

PIP = f"{shlex.quote(sys.executable)} -m pip"
PLUGIN = """
from ours.plugin import Destination, Request, hookimpl
{imports}

class Needy(Destination):
    slug = "needy"
    label = "Needy"
    needs = {needs}

    def build(self, delivery):
        return Request("POST", "https://example.com/")

@hookimpl
def register_destinations():
    return [Needy]
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the built-in destinations', on a machine where boto3 is not installed."""
    folder = tmp_path / "destinations"
    folder.mkdir()
    monkeypatch.setattr("ours.resources.folder", lambda _: folder)
    monkeypatch.setattr("ours.registry.extras._is_here", lambda module: module != "boto3")
    return folder


def test_a_built_in_without_its_extra_is_listed_with_the_line_and_nothing_fails(
    house: Path, make_settings: Callable[..., Settings]
) -> None:
    (house / "needy.py").write_text(PLUGIN.format(imports="", needs=("boto3",)))
    with capture_logs() as lines:
        registry = load(make_settings())
    assert (lines, registry.set_aside, registry.get("needy")) == ([], (), None)
    [one] = registry.uninstalled
    assert (one.name, one.install) == ("needy", f"{PIP} install 'ours[s3]'")
    assert one.reason.endswith(f"Install it and restart: `{PIP} install 'ours[s3]'`.")


def test_a_built_in_that_needs_what_no_extra_brings_is_our_bug(
    house: Path, make_settings: Callable[..., Settings]
) -> None:
    (house / "needy.py").write_text(PLUGIN.format(imports="import no_such_stripe", needs=()))
    with pytest.raises(PluginBroken, match="no_such_stripe"):
        load(make_settings())


@pytest.mark.parametrize(("imports", "needs"), [("import no_such_stripe.api", ()), ("", ("no_such_stripe",))])
def test_anybody_elses_plugin_is_set_aside_with_the_line(tmp_path: Path, imports: str, needs: tuple[str, ...]) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN.format(imports=imports, needs=needs))
    [one] = load_at(tmp_path / "mine.py").set_aside
    assert one.install == f"{PIP} install no_such_stripe"
    assert one.install in one.reason


def test_the_line_names_an_extra_only_where_one_brings_the_module() -> None:
    assert line_for("boto3.session", "ours") == f"{PIP} install 'ours[s3]'"
    assert line_for("boto3", None) == line_for("boto3", "no-such-distribution") == f"{PIP} install boto3"
    assert extra_with("flask", "ours") is None


def test_the_line_holds_for_an_interpreter_whose_folder_has_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/our own/bin/python")
    assert line_for("boto3", None) == "'/opt/our own/bin/python' -m pip install boto3"


def test_what_is_installed_is_not_missing() -> None:
    assert first_missing(["json", "requests.adapters"]) is None
    assert first_missing(["json", "no_such_stripe.api", "."]) == "no_such_stripe.api"
