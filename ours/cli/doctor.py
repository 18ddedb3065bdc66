"""``ours doctor``: looks for what is wrong with this installation, and says how to mend it."""

from collections.abc import Iterator
from dataclasses import asdict
from operator import itemgetter
from typing import TYPE_CHECKING

import click

from ours.cli.shell import Column, Shell, json_option, pass_shell
from ours.errors import SettingsInvalid

if TYPE_CHECKING:
    from ours.cli.finding import Finding


@click.command()
@json_option
@pass_shell
def doctor(shell: Shell) -> None:
    """Check for problems, and say how to fix them. Exits with status 1 if there are any."""
    findings = [asdict(finding) for finding in _examine(shell)]
    columns: dict[str, Column] = {title: itemgetter(title) for title in ("status", "name")}
    columns["finding"] = lambda one: one["message"] + (f"\n→ {one['mend']}" if one["mend"] else "")
    shell.show_all(findings, columns, "")
    if any(finding["status"] == "fail" for finding in findings):
        click.get_current_context().exit(1)


def _examine(shell: Shell) -> "Iterator[Finding]":
    from ours.bootstrap import Ours
    from ours.cli import checks, safety
    from ours.cli.finding import Finding

    yield from checks.environment()
    try:
        settings = shell.settings
    except SettingsInvalid as error:
        yield from _wrong(error)
        return
    yield Finding("settings", "ok", "All are valid.")
    if shell.missing:
        said, _, mend = shell.missing.partition(". ")
        yield Finding("installation", "fail", f"{said}.", mend)
        return
    yield from checks.home(settings)
    yield from checks.moment()
    for check in (safety.exposure, safety.keys, safety.code):
        yield from check(settings)
    ours = Ours(settings)
    try:
        yield from checks.installation(ours)
    except SettingsInvalid as error:
        yield from _wrong(error)
    finally:
        ours.close()


def _wrong(error: SettingsInvalid) -> "Iterator[Finding]":
    from ours.cli.finding import Finding

    for name, problem in error.problems.items():
        yield Finding("settings", "fail", f"{name}: {problem}", "Correct it; see docs/settings.md.")
