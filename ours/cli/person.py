"""``ours person``: who may sign in to the dashboard."""

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.people import Person

_ROLES = click.Choice(["admin", "editor", "viewer"])


@click.group()
def person() -> None:
    """People who sign in to the dashboard."""


@person.command()
@click.argument("email")
@click.option("--role", type=_ROLES, default="admin", show_default=True)
@json_option
@pass_shell
def add(shell: Shell, email: str, role: str) -> None:
    """Add a person, and print a password. They change it when they sign in."""
    made, password = shell.ours.people.add(email, role, actor=ACTOR)
    shell.show({"id": made.id, "email": made.email, "role": made.role, "password": password})


@person.command()
@click.argument("email")
@json_option
@pass_shell
def reset(shell: Shell, email: str) -> None:
    """Give a person a new password. Signs them out everywhere."""
    password = shell.ours.people.reset(email, actor=ACTOR)
    shell.show({"email": shell.ours.people.find(email).email, "password": password})


@person.command("drop-second-factor")
@click.argument("email")
@json_option
@pass_shell
def drop_second_factor(shell: Shell, email: str) -> None:
    """Remove a person's second factor. For who lost their authenticator; signs them out everywhere."""
    found = shell.ours.people.find(email)
    shell.show(_document(shell.ours.second_factors.remove(found.id, actor=ACTOR)))


@person.command("sign-out")
@click.argument("email")
@json_option
@pass_shell
def sign_out(shell: Shell, email: str) -> None:
    """End every session of a person."""
    found = shell.ours.people.find(email)
    shell.show(_document(shell.ours.people.end_sessions(found.id, actor=ACTOR)))


@person.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List all people."""
    columns: dict[str, Column] = {
        **{name: itemgetter(name) for name in ("id", "email", "role")},
        "second factor": lambda one: "since " + one["secondFactorAt"] if one["secondFactorAt"] else "",
        "signed in": itemgetter("signedInAt"),
    }
    shell.show_all([_document(one) for one in shell.ours.people.list()], columns, "There is nobody yet.")


@person.command()
@click.argument("email")
@click.argument("role", type=_ROLES)
@json_option
@pass_shell
def role(shell: Shell, email: str, role: str) -> None:
    """Give a person another role."""
    found = shell.ours.people.find(email)
    shell.show(_document(shell.ours.people.set_role(found.id, role, actor=ACTOR)))


@person.command()
@click.argument("email")
@json_option
@pass_shell
def remove(shell: Shell, email: str) -> None:
    """Remove a person; they can no longer sign in."""
    found = shell.ours.people.find(email)
    shell.ours.people.remove(found.id, actor=ACTOR)
    shell.show({"id": found.id, "email": found.email, "removed": True})
    if left := shell.ours.tokens.left_by(found.email):
        named = ", ".join(f"{one.id} ({one.name})" for one in left)
        shell.say(f"Tokens that they made go on working: {named}. `ours token revoke ID` ends one.", warn=True)


def _document(one: "Person") -> dict[str, Any]:
    moments = {"createdAt": iso(one.created_at), "signedInAt": iso(one.signed_in_at),
               "secondFactorAt": iso(one.second_factor_at)}  # fmt: skip
    return {"id": one.id, "email": one.email, "role": one.role, "mustChangePassword": one.must_change, **moments}
