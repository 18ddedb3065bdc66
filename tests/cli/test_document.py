"""Every verb is documented, in the words it uses itself."""

from collections.abc import Iterator
from pathlib import Path

import click

from ours.cli import cli
from ours.cli.document import document


def test_the_page_about_the_command_line_is_what_the_commands_say() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
    assert page.read_text() == document(), "run: python -m ours.cli.document > docs/cli.md"


def groups(command: click.Command, name: str = "ours") -> Iterator[tuple[str, click.Group]]:
    if isinstance(command, click.Group):
        yield name, command
        context = click.Context(command)
        for verb in command.list_commands(context):
            inner = command.get_command(context, verb)
            assert inner
            yield from groups(inner, f"{name} {verb}")


def test_what_a_group_says_of_each_verb_fits_in_its_line() -> None:
    for name, group in groups(cli):
        said = group.get_help(click.Context(group, info_name=name, terminal_width=80, max_content_width=80))
        assert [line for line in said.partition("Commands:")[2].splitlines() if line.endswith("...")] == []
