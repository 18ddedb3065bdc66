"""Writes ``docs/cli.md`` from the commands themselves: ``python -m ours.cli.document > docs/cli.md``."""

from collections.abc import Iterator

import click

from ours.cli import cli

_HEAD = """# The command line

For operators and scripts. Every command works while the server runs, and on any `OURS_HOME` or `OURS_DATABASE_URL`.
In a checkout, `ours` is `.venv/bin/ours`, and works on `data` in the current folder. `--json` prints one JSON document
on stdout with stable keys; logs go to stderr. The exit status is 0 for success; 1 if ours refuses (one sentence on
stderr, and with `--json` an object with `error`, `code` and perhaps `errors`); 2 for commands or options that do not
exist.

This page is generated from the code (`python -m ours.cli.document > docs/cli.md`).
"""


def document() -> str:
    return _HEAD + "".join(_verbs(cli, "ours"))


def _verbs(command: click.Command, name: str) -> Iterator[str]:
    """Groups give their verbs' sections, a verb its own."""
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for verb in command.list_commands(context):
            inner = command.get_command(context, verb)
            if inner and not inner.hidden:
                yield from _verbs(inner, f"{name} {verb}")
        return
    context = click.Context(
        command, info_name=name, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"]
    )
    yield f"\n## `{name}`\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
