"""What every verb shares: the installation, opened once; tables or JSON; and errors in one sentence."""

import errno
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ours.errors import Invalid, NotBegun, OursError

if TYPE_CHECKING:
    from ours.bootstrap import Ours
    from ours.settings import Settings

ACTOR: Final = "cli"
_BEGINNERS = {"serve", "web", "worker", "demo", "restore", "apply", "db upgrade", "source add"}
"""The verbs that may begin a new installation. Any other looks at one, or changes one, that is there: a wrong OURS_HOME
must not give it an empty one, which it would back up, or count, as if that were yours."""
_LASTING = {"serve", "web", "worker"}
"""The verbs that write a log."""
_ONLY_LOOKS = {"check", "only_plan"}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
_UNWRITTEN = "{} can't be written: {}."
Column = Callable[[Mapping[str, Any]], object]
_F = TypeVar("_F", bound=Callable[..., Any])


class Shell:
    """One run of ``ours``."""

    def __init__(self) -> None:
        self.as_json = False

    @cached_property
    def settings(self) -> "Settings":
        from ours import log
        from ours.settings import load, unknown

        settings = load(begin=False)
        if _may_begin():
            log.configure(settings.log_level, settings.log_format)
            for name in unknown():
                log.get("cli").warning("no_such_setting", variable=name)
        if _may_begin() or not _missing(settings):
            settings = load()
        log.configure("ERROR" if settings.log_level == "INFO" else settings.log_level, settings.log_format)
        return settings

    @cached_property
    def ours(self) -> "Ours":
        """The installation, its database brought up to date.

        :raises NotBegun: when there is none, and the verb makes none.
        """
        from ours.bootstrap import Ours
        from ours.store import migrate

        if self.missing and not _may_begin():
            raise NotBegun(self.missing)
        ours = Ours(self.settings)
        ours.store.hurry(self.say)
        begins = self.settings.embedded_database and ours.store.is_new()
        try:
            ours.store.reach()
            if not _may_begin() and migrate.is_empty(ours.store):
                name = "OURS_HOME" if self.settings.embedded_database else "OURS_DATABASE_URL"
                raise NotBegun(f"The database has no tables of ours. Set {name} to what the server has.")
            ours.prepare()
        except OursError:
            ours.close()
            raise
        if begins:
            self.say(f"A new installation begins in {self.settings.home}. OURS_HOME names another.")
        return ours

    @property
    def missing(self) -> str | None:
        """Why there is no installation where the settings say, and what to do; None: there is one, as far as is known
        without asking a server."""
        return _missing(self.settings)

    @property
    def can_ask(self) -> bool:
        """Whether a person is there to answer: at a terminal, and not with ``--json``. A script says what it means."""
        return not self.as_json and sys.stdin.isatty()

    def close(self) -> None:
        if "ours" in self.__dict__:
            self.ours.close()

    def show(self, document: Mapping[str, Any]) -> None:
        """Print one thing: as JSON if that was asked for, else at length for a terminal."""
        if self.as_json:
            click.echo(dump(document))
        else:
            from ours.cli import tables

            tables.print_record(document)

    def show_all(self, documents: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], empty: str) -> None:
        """Print many things: as a JSON list, or one line each. ``columns``: title → what stands there."""
        if self.as_json:
            click.echo(dump(documents))
        else:
            from ours.cli import tables

            tables.print_table(columns, [[column(one) for column in columns.values()] for one in documents], empty)

    def say(self, sentence: str, *, warn: bool = False) -> None:
        """A word to the person, on stderr, out of the way of what is piped."""
        click.secho(sentence, err=True, fg="red" if warn else None)


def _may_begin() -> bool:
    context = click.get_current_context()
    verb = " ".join(context.command_path.split()[1:])
    return verb in _BEGINNERS and not any(context.params.get(flag) for flag in _ONLY_LOOKS)


def _missing(settings: "Settings") -> str | None:
    file = settings.database_file
    if file is None or file.exists():
        return None
    if not settings.embedded_database:
        return f"There is no installation in {file}, which OURS_DATABASE_URL names. Name the server's."
    why = "" if "home" in settings.given else " (OURS_HOME is not set)"
    where = "Set OURS_HOME to the server's data folder; under systemd it stands in /etc/ours/ours.env."
    return f"There is no installation in {settings.home}{why}. {where}"


pass_shell = click.make_pass_decorator(Shell, ensure=True)


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Many options as one decorator, in the order in which the help has them."""

    def add(command: Any) -> Any:
        for option in reversed(several):
            command = option(command)
        return command

    return add


def json_option(command: _F) -> _F:
    """``--json`` for a verb; ``ours --json VERB`` means the same."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_choose_json, help="Print one JSON document on stdout."
    )(command)


def _choose_json(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
    context.ensure_object(Shell).as_json |= chosen


class Guarded(click.Group):
    """Turns errors that a person can mend into one sentence and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        shell, asked = ctx.ensure_object(Shell), "--json" in ctx.args
        ctx.call_on_close(shell.close)
        try:
            return super().invoke(ctx)
        except OursError as error:
            raise _failure(ctx, error) from error
        except OSError as error:
            if error.errno not in _FULL and not (error.filename and error.errno in _REFUSED):
                raise
            if not error.filename:
                from ours import processes

                with suppress(OSError, ValueError):  # it is no file
                    processes.void(sys.stdout.fileno())  # or Python tries again at the end, with a status of its own
            said = _UNWRITTEN.format(error.filename or "What this prints", error.strerror)
            raise _failure(ctx, Invalid(said), as_json=False) from None
        except click.UsageError as error:
            if shell.as_json or asked:
                click.echo(dump({"error": error.format_message(), "code": "usage"}))
            raise


def _failure(context: click.Context, error: OursError, *, as_json: bool = True) -> click.ClickException:
    from ours.settings import variables

    if context.invoked_subcommand in _LASTING and variables().get("OURS_LOG_FORMAT") == "json":
        return _NotStarted(error)
    return _Failure(error, as_json=as_json and context.ensure_object(Shell).as_json)


class _NotStarted(click.ClickException):
    """A line of the log, for whoever reads that as JSON."""

    def __init__(self, error: OursError) -> None:
        super().__init__(str(error))
        self._code = error.code

    def show(self, _file: Any = None) -> None:
        from ours import log

        log.configure(style="json")
        log.get("cli").error("not_started", code=self._code, error=self.message)


class _Failure(click.ClickException):
    def __init__(self, error: OursError, *, as_json: bool = False) -> None:
        super().__init__(str(error))
        self._document = _document(error) if as_json else None

    def show(self, file: Any = None) -> None:
        super().show(file)
        if self._document:
            click.echo(dump(self._document))


def _document(error: OursError) -> Mapping[str, Any]:
    errors = {"errors": error.errors} if isinstance(error, Invalid) and error.errors else {}
    return {"error": str(error), "code": error.code} | errors


def dump(document: Any) -> str:
    """A document as it is printed. What is no text stands escaped: a caller's is not to steer the terminal."""
    lines = json.dumps(document, ensure_ascii=False, indent=2).split("\n")
    return "\n".join(line if line.isprintable() else _escaped(line) for line in lines)


def _escaped(line: str) -> str:
    return "".join(mark if mark.isprintable() else json.dumps(mark)[1:-1] for mark in line)
