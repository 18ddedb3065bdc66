"""``ours lockout``: refuse at once whatever may be in wrong hands."""

from dataclasses import asdict

import click

from ours.cli.shell import ACTOR, Shell, json_option, pass_shell


@click.command()
@click.option("--keys", is_flag=True, help="The sources' keys too: they are answered 401 until each has a new one.")
@click.option("--yes", is_flag=True, help="Do it, without asking.")
@json_option
@pass_shell
def lockout(shell: Shell, keys: bool, yes: bool) -> None:
    """End all sessions, tokens and passwords at once.

    Use it after a restore that brought back what was revoked since, or after a break-in. Then give each person a new
    password (`ours person reset EMAIL`), each program a new token, and with --keys each source a new key (`ours
    source rotate`). Shows first what would happen, and asks; with --json, it needs --yes.
    """
    found = shell.ours.lockout.preview(with_keys=keys)
    if not (yes or shell.as_json):
        and_keys = f", all keys ({found.keys:,})" if keys else ""
        yes = click.confirm(
            f"Refuse all tokens ({found.tokens:,}), all passwords ({found.people:,}){and_keys}?", err=True
        )
    if yes:
        found = shell.ours.lockout.run(with_keys=keys, actor=ACTOR)
    shell.show(asdict(found) | {"done": yes})
