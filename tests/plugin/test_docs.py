"""The docs say what the code does: their listings are its files, their tables its names, their pages its words."""

import dataclasses
import inspect
import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import ours.plugin
import ours.plugin.testing
from ours import clock
from ours.core.sensitivity import at_start
from ours.plugin import (
    Batching,
    Delivered,
    Delivery,
    Destination,
    Event,
    Network,
    Request,
    Retry,
    Skipped,
    fields,
    load_settings,
)
from ours.plugin.document import document
from ours.plugin.testing import sample_delivery
from ours.registry import load, load_at, load_built_in
from ours.registry.__main__ import index, write_pages
from ours.services.destinations.mapping import plugins_rows
from ours.settings import Settings
from tests.receiver import Receiver

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples"
GUIDE = (DOCS / "plugins.md").read_text()


def section(title: str) -> str:
    return re.split(r"\n#{2,3} ", GUIDE.split(f"# {title}\n", 1)[1], maxsplit=1)[0]


def rows(text: str) -> set[str]:
    """The names in the first column of the tables in ``text``."""
    first = re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`(\w+)", cell)}


def public(kind: type) -> set[str]:
    return {name for name in {*vars(kind), *inspect.get_annotations(kind)} if not name.startswith("_")}


@pytest.mark.parametrize("file", ["chat.py", "test_chat.py", "contacts.py"])
def test_the_tutorials_listings_are_the_example_files(file: str) -> None:
    assert f"```python\n{(EXAMPLES / file).read_text().strip()}\n```" in GUIDE


def test_the_listing_of_a_receiver_is_its_file() -> None:
    assert f"```python\n{(EXAMPLES / 'receiver.py').read_text().strip()}\n```" in (DOCS / "receiving.md").read_text()


def test_the_example_of_a_receiver_takes_an_event_once_and_nothing_forged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = f"whsec_{'c2VjcmV0' * 4}"
    monkeypatch.setenv("SIGNING_SECRET", secret)
    monkeypatch.chdir(tmp_path)
    app = runpy.run_path(str(EXAMPLES / "receiver.py"))["app"]
    webhook = load_built_in().plugin("webhook")
    assert webhook
    settings = load_settings(webhook, {"url": "https://example.com", "secret": secret})
    made = webhook.build(sample_delivery(settings=settings, now=clock.now_ms()))
    assert isinstance(made, Request)

    def post(**changes: str) -> int:
        answer = app.test_client().post("/webhooks/ours", data=made.data, headers=made.headers | changes)
        return int(answer.status_code)

    assert [post(), post(), post(**{"webhook-id": "another"})] == [204, 204, 401]
    with closing(sqlite3.connect("received.db")) as database:
        [(count,)] = database.execute("SELECT COUNT(*) FROM received")
    assert count == 1


def test_the_tutorial_opens_with_a_whole_plugin_of_25_lines() -> None:
    lines = (EXAMPLES / "chat.py").read_text().splitlines()
    assert len(lines) <= 25
    assert GUIDE.index(lines[0]) < 200


def test_the_reference_names_every_declaration_of_a_destination_and_no_other() -> None:
    assert rows(section("The class")) == public(Destination)


def test_the_reference_names_every_attribute_of_a_delivery_and_its_event() -> None:
    expected = {field.name for kind in (Delivery, Event) for field in dataclasses.fields(kind)}
    assert rows(section("The delivery")) - {"Delivery", "Event"} == expected


def test_the_guide_names_every_part_of_batching_with_its_default() -> None:
    for field in dataclasses.fields(Batching):
        default = "required" if field.default is dataclasses.MISSING else f"`{field.default!r}`"
        assert f"| `{field.name}` | {default.replace('1000000', '1_000_000')} |" in GUIDE


def test_every_public_name_of_the_door_and_of_the_kit_is_in_the_guide() -> None:
    names = {*ours.plugin.__all__, *ours.plugin.testing.__all__}
    assert {name for name in names if not re.search(rf"\b{name}\b", GUIDE)} == set()
    assert ours.plugin.fields is fields


@pytest.mark.parametrize("one", load_built_in().loaded, ids=lambda one: str(one.slug))
def test_each_built_in_has_its_page(one: object) -> None:
    page = DOCS / "destinations" / f"{one.slug}.md"  # type: ignore[attr-defined]
    expected = document(one.plugin)  # type: ignore[attr-defined]
    assert page.read_text() == expected, "Regenerate the pages: python -m ours.registry docs/destinations"


@pytest.mark.parametrize("one", load_built_in().loaded, ids=lambda one: str(one.slug))
def test_each_page_says_which_fields_of_its_mapping_are_withheld(one: object) -> None:
    rows = plugins_rows(one.plugin)  # type: ignore[attr-defined]
    withheld = rows.keys() - at_start(rows, one.plugin.category).keys()  # type: ignore[attr-defined]
    page = document(one.plugin)  # type: ignore[attr-defined]
    assert {field for field in withheld if f"`{field}` is withheld until you map it" not in page} == set()


def test_the_pages_are_written_by_one_command(tmp_path: Path) -> None:
    write_pages(tmp_path / "pages")
    slugs = {one.slug for one in load_built_in().loaded}
    assert {page.stem for page in (tmp_path / "pages").iterdir()} == slugs | {"README"}


def test_the_list_of_destinations_names_each_built_in() -> None:
    page = (DOCS / "destinations" / "README.md").read_text()
    assert page == index(), "Regenerate the pages: python -m ours.registry docs/destinations"
    assert set(re.findall(r"\((\w+)\.md\) \|", page)) == {one.slug for one in load_built_in().loaded}


def test_a_destination_without_settings_or_examples_has_a_page_too() -> None:
    class Bare(Destination):
        slug = "bare"
        label = "Bare"

        def build(self, delivery: Delivery) -> Skipped:
            return Skipped("not_mine")

    assert document(Bare()).startswith("# Bare\n\nType `bare` ")


def test_the_example_is_loaded_as_a_drop_in(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    shutil.copy(EXAMPLES / "chat.py", plugins)
    registry = load(make_settings())
    assert registry.set_aside == ()
    found = registry.get("chat")
    assert found is not None
    assert (found.origin, found.plugin.label) == ("drop-in", "Team chat")


def test_the_example_of_two_requests_sends_both_and_says_what_came_of_them() -> None:
    [loaded] = load_at(EXAMPLES / "contacts.py").loaded
    plugin, network = loaded.plugin, Network(lambda _: True)
    with Receiver() as receiver:
        settings = load_settings(plugin, {"url": receiver.url, "key": "k"})
        request = plugin.build(sample_delivery(mapping=plugin.default_mapping, settings=settings))
        assert isinstance(request, Request)
        assert plugin.send(request, settings, network) == Delivered()
        receiver.answer(429, path="/contacts", headers={"Retry-After": "7"})
        assert plugin.send(request, settings, network) == Retry("http_429", "The destination answered 429.", 7.0, True)
        sent = [(one.method, one.path, one.headers["X-Key"]) for one in receiver.requests]
    assert sent == [("PUT", "/contacts", "k"), ("POST", "/events", "k"), ("PUT", "/contacts", "k")]
    assert isinstance(plugin.send(request, settings, network), Retry)


@pytest.mark.parametrize("folder", ["plugins", "docs/examples"])
def test_a_test_beside_its_plugin_finds_it_in_a_checkout_too(folder: str, tmp_path: Path) -> None:
    """As `pytest plugins` does, which the tutorial tells; what is there of the checkout is left alone."""
    shutil.copy(DOCS.parent / "pyproject.toml", tmp_path)
    there = tmp_path / folder
    there.mkdir(parents=True)
    for name in ("chat.py", "test_chat.py"):
        shutil.copy(EXAMPLES / name, there)
    command = [sys.executable, "-m", "pytest", folder, "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout


def test_the_examples_own_test_passes_in_a_folder_of_its_own(tmp_path: Path) -> None:
    for file in EXAMPLES.glob("*.py"):
        shutil.copy(file, tmp_path)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(DOCS.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
