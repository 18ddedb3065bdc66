"""The command ``ours``. A verb imports what it needs when it runs, so that ``--help`` and completion are instant."""

import faulthandler
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

import click

from ours import __version__
from ours.cli.shell import Guarded, json_option

_PLACES = {
    "serve": "server", "web": "server", "worker": "server", "demo": "demo",
    "bench": "bench", "doctor": "doctor", "db": "db",
    "source": "source", "destination": "destination", "plugin": "plugin", "event": "event", "dispatch": "dispatch",
    "visitor": "visitor", "allow": "allow", "governance": "governance", "mapping": "mapping", "rules": "rules",
    "preview": "preview", "history": "history", "explain": "explain", "replay": "replay", "balance": "balance",
    "alert": "alert", "person": "person", "token": "token", "audit": "audit", "secrets": "secrets", "backup": "backup",
    "restore": "backup", "lockout": "lockout", "apply": "apply", "export": "apply",
}  # fmt: skip


class _Lazy(Guarded):
    """Knows its commands by the module that each lies in."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_PLACES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in _PLACES:
            return None
        command: click.Command = getattr(import_module(f"ours.cli.{_PLACES[name]}"), name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
@json_option
def cli() -> None:
    """Takes events from your backends and delivers them to destinations.

    Settings come from OURS_ variables; see docs/settings.md. Every command works while the server runs.
    """


def main(args: Sequence[str] | None = None) -> None:
    if None in {sys.stdin, sys.stdout, sys.stderr}:  # closed by whoever started us
        from ours import processes

        processes.open_streams()
    _print_utf8()
    faulthandler.enable()  # what crashes in C, be it a plugin's import, says where
    cli.main(args=args, prog_name="ours")


def _print_utf8() -> None:
    """Whatever the locale: names are any text, and JSON is nothing else."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
