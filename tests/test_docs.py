"""What the documentation names exists: links and their anchors, settings, and every ``ours`` command as pasted."""

import math
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click
import pytest

from ours.cli import cli
from ours.core.retry import SCHEDULE
from ours.settings.schema import PREFIX, SettingsSchema

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^(?:[#$] |[A-Z_]+=\S+ )*(?:\S*/)?ours (?=\w)")
_NAMED = re.compile(r"`(?:\.venv/bin/)?ours ([a-z][^`]*)`")
_SHELL = re.compile(r"\$\([^)]*\)")
_FILE = re.compile(r"\S+\.(yaml|json|py|backup)")


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    return {_slug(line.lstrip("#")) for line in _FENCE.sub("", page.read_text()).splitlines() if line.startswith("#")}


def _pasted(text: str) -> Iterator[str]:
    """What stands in a block, to be pasted."""
    for block in _BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _COMMAND.match(line.strip()):
                yield line.strip()[found.end() :]


def _parse(line: str) -> None:
    """As the shell would, down to the verb, without doing it.

    :raises click.UsageError: when there is no such verb or option, or something is missing.
    """
    context = click.Context(cli, info_name="ours", **cli.context_settings)
    words = list(
        takewhile(lambda word: word not in ("<", ">", "|", "&&"), shlex.split(_SHELL.sub("", line), comments=True))
    )
    while isinstance(context.command, click.Group) and words:
        _, found, words = context.command.resolve_command(context, words)
        assert found
        context = click.Context(found, parent=context, info_name=found.name)
    filled = [__file__ if _FILE.fullmatch(word) or word == "FILE" else word for word in words]
    context.command.make_context("ours", filled, parent=context.parent or context).close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.findall(page.read_text())
        if "://" not in link and not link.startswith("#")
    }
    alone = {page for page in ROOT.glob("docs/**/*.md") if page.name != "README.md"} - linked
    assert alone == set()


def test_settings_exist() -> None:
    known = {PREFIX + name.upper() for name in SettingsSchema().fields}
    named = {name: page for page in PAGES for name in re.findall(r"\bOURS_[A-Z_]+[A-Z]\b", page.read_text())}
    assert not {name: str(page) for name, page in named.items() if name not in known}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_pasted_can_be_run(page: Path) -> None:
    for line in _pasted(page.read_text()):
        try:
            _parse(line)
        except click.UsageError as error:
            pytest.fail(f"ours {line}: {error.format_message()}")


def test_commands_that_are_named_exist() -> None:
    """In pages, and in what the code tells people to do; what is filled in there ends the line."""
    places = [*PAGES, *ROOT.glob("ours/**/*.py"), *ROOT.glob("templates/**/*.html"), *ROOT.glob("destinations/*.py")]
    lines = {re.split(r"[{|]", line)[0]: place for place in places for line in _NAMED.findall(place.read_text())}
    assert len(lines) > 100
    for line, place in lines.items():
        try:
            _parse(line)
        except (click.MissingParameter, click.BadParameter, click.exceptions.NoArgsIsHelpError):
            continue  # only named, not meant to be pasted as it is
        except click.UsageError as error:
            pytest.fail(f"{place}: ours {line}: {error.format_message()}")


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/plugins.md", "docs/cli.md"])
def test_pages_say_how_long_a_failure_is_tried_again(page: str) -> None:
    said = re.findall(
        r"(?:retries over up to|tried again for up to|the usual ten,)\s+(\d+)\s+hours", (ROOT / page).read_text()
    )
    assert said
    assert {int(hours) for hours in said} == {math.ceil(sum(SCHEDULE) / 3600)}


def test_the_road_names_each_wait_between_two_tries() -> None:
    (said,) = re.findall(r"tried again after ((?:\d+ \w+, )+\d+ \w+)", (ROOT / "docs/concepts.md").read_text())
    seconds = {"s": 1, "min": 60, "h": 3600}
    waits = [wait.split() for wait in said.split(", ")]
    assert [float(number) * seconds[unit] for number, unit in waits] == list(SCHEDULE)


@pytest.mark.parametrize("name", ["deploy.md", "security.md"])
def test_pages_say_how_long_a_connection_may_rest(name: str) -> None:
    lines = (ROOT / "docs" / name).read_text().splitlines()
    (line,) = [one for one in lines if f"`{PREFIX}KEEP_ALIVE_SECONDS`" in one]
    assert str(SettingsSchema().fields["keep_alive_seconds"].load_default) in line
