"""``ours source``: the backends that send, and their keys."""

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.moments import Seconds
from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.clock import DAY, iso, now_ms

if TYPE_CHECKING:
    from ours.services.sources import Key, Source


@click.group()
def source() -> None:
    """Backends that send events, and their keys."""


@source.command()
@click.argument("name")
@json_option
@pass_shell
def add(shell: Shell, name: str) -> None:
    """Add a source; prints its live key and its test key."""
    made = shell.ours.sources.add(name, actor=ACTOR)
    keys = {"key": made.live_key, "testKey": made.test_key}
    shell.show({"id": made.source.id, "name": made.source.name, **keys, "status": made.source.status})


@source.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List all sources, with what they sent in the last 24 hours."""
    columns: dict[str, Column] = {
        **{name: itemgetter(name) for name in ("id", "name", "status")},
        "last seen": itemgetter("lastSeenAt"),
        "live": lambda one: one["live"]["received"],
        "test": lambda one: one["test"]["received"],
        "of which duplicate": lambda one: one["live"]["duplicate"] + one["test"]["duplicate"],
        "rejected": lambda one: one["live"]["rejected"] + one["test"]["rejected"],
        "limit": itemgetter("rateLimit"),
    }
    empty = "There is no source yet. Add one with `ours source add NAME`."
    shell.show_all([one.document for one in shell.ours.sources.list()], columns, empty)


@source.command()
@click.argument("name", required=False)
@json_option
@pass_shell
def show(shell: Shell, name: str | None) -> None:
    """Show one source with its keys. NAME is its name or id; leave it out if there is only one."""
    from ours.core import subjects
    from ours.services.sources import working_key

    found = _find(shell, name)
    shell.ours.audit.note_read(subjects.source(found.id), actor=ACTOR)
    keys = shell.ours.sources.keys(found.id)
    working = {name: working_key(keys, mode) for name, mode in (("key", "live"), ("testKey", "test"))}
    newest = {name: key.text.reveal() if key else None for name, key in working.items()}
    shell.show(found.document | newest | {"keys": [_key_document(key) for key in keys]})


@source.command()
@click.argument("name", required=False)
@json_option
@pass_shell
def refusals(shell: Shell, name: str | None) -> None:
    """Show why events of a source were refused in the last 7 days. NAME is its name or id."""
    columns: dict[str, Column] = {
        "code": itemgetter("code"),
        "fields": lambda one: ", ".join(one["fields"]),
        "mode": itemgetter("mode"),
        "events": itemgetter("count"),
        "last": itemgetter("lastAt"),
        "request": itemgetter("request"),
    }
    found = shell.ours.sources.refusals(_find(shell, name).id)
    shell.show_all([one.document for one in found], columns, "Nothing was refused in the last 7 days.")


@source.command()
@click.argument("name")
@json_option
@pass_shell
def activate(shell: Shell, name: str) -> None:
    """Accept events from a source again."""
    _show_status(shell, shell.ours.sources.activate(_find(shell, name).id, actor=ACTOR))


@source.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask when the source sent something in the last 24 hours.")
@json_option
@pass_shell
def deactivate(shell: Shell, name: str, yes: bool) -> None:
    """Refuse a source's keys. What it sent is still delivered."""
    found = _find(shell, name)
    _confirm(shell, found, yes)
    _show_status(shell, shell.ours.sources.deactivate(found.id, actor=ACTOR))


@source.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask when the source sent something in the last 24 hours.")
@json_option
@pass_shell
def delete(shell: Shell, name: str, yes: bool) -> None:
    """Delete a source for good. Its events stay, and are still delivered."""
    found = _find(shell, name)
    _confirm(shell, found, yes)
    _show_status(shell, shell.ours.sources.delete(found.id, actor=ACTOR))


@source.command()
@click.argument("name")
@click.option("--mode", type=click.Choice(["live", "test"]), default="live", show_default=True)
@click.option("--overlap", "seconds", type=Seconds(), metavar="LENGTH", default="1d", show_default=True,
              help="How long the old keys of that mode keep working: 90m, 24h, 7d; 0: not at all.")  # fmt: skip
@click.option("--yes", is_flag=True, help="With --overlap 0, don't ask when an old key was used in the last 24 hours.")
@json_option
@pass_shell
def rotate(shell: Shell, name: str, mode: str, seconds: int, yes: bool) -> None:
    """Give a source a new key. The old one keeps working for a while."""
    found = _find(shell, name)
    if not seconds:
        _confirm_keys(shell, [key for key in shell.ours.sources.keys(found.id) if key.mode == mode], yes)
    key = shell.ours.sources.rotate(found.id, mode, seconds, actor=ACTOR)
    old = (one.expires_at for one in shell.ours.sources.keys(found.id) if one.mode == mode and one.expires_at)
    document = {
        "id": found.id,
        "name": found.name,
        "mode": mode,
        "key": key,
        "oldKeysExpireAt": iso(max(old, default=None)),
    }
    shell.show(document)


@source.command()
@click.argument("name")
@click.argument("key", type=int, metavar="ID")
@click.option("--yes", is_flag=True, help="Don't ask when the key was used in the last 24 hours.")
@json_option
@pass_shell
def revoke(shell: Shell, name: str, key: int, yes: bool) -> None:
    """Revoke one key of a source for good. ID is the key's id, as `ours source show` prints it."""
    from ours.errors import NotFound

    found = _find(shell, name)
    keys = [one for one in shell.ours.sources.keys(found.id) if one.id == key]
    if not keys:
        raise NotFound(f'"{found.name}" has no key {key}. `ours source show {found.id}` lists its keys.')
    _confirm_keys(shell, keys, yes)
    shell.ours.sources.revoke_key(key, actor=ACTOR)
    [document] = (_key_document(one) for one in shell.ours.sources.keys(found.id) if one.id == key)
    shell.show({"source": found.name} | document)


@source.command()
@click.argument("name")
@click.argument("requests", metavar="N|none")
@json_option
@pass_shell
def limit(shell: Shell, name: str, requests: str) -> None:
    """Limit how many requests per second a source may send. A batch is one; `none` removes the limit."""
    from ours.errors import Invalid

    if requests != "none" and not requests.isdecimal():
        raise Invalid(f'"{requests}" is no limit. Give a number of requests a second, or none.')
    most = None if requests == "none" else int(requests[:10])
    shell.show(shell.ours.sources.limit(_find(shell, name).id, most, actor=ACTOR).document)


def _find(shell: Shell, name: str | None) -> "Source":
    """By name or id; without either, the only one."""
    from ours.errors import Invalid

    if name is not None:
        return shell.ours.sources.find(name)
    there = shell.ours.sources.list()
    if len(there) != 1:
        names = ", ".join(f'"{one.name}"' for one in there) or "none yet"
        raise Invalid(f"Say which source. There are: {names}.")
    return there[0]


def _confirm(shell: Shell, found: "Source", yes: bool) -> None:
    if found.last_seen_at is not None and now_ms() - found.last_seen_at < DAY:
        _ask(shell, f'"{found.name}" sent something in the last 24 hours.', yes)


def _confirm_keys(shell: Shell, keys: "Sequence[Key]", yes: bool) -> None:
    now = now_ms()
    if any(key.in_use(now) for key in keys):
        _ask(shell, "This key was used in the last 24 hours, and who still sends with it will be refused.", yes)


def _ask(shell: Shell, sentence: str, yes: bool) -> None:
    if not yes and shell.can_ask:
        click.confirm(f"{sentence} Go on?", abort=True, err=True)


def _key_document(key: "Key") -> dict[str, Any]:
    return {
        "id": key.id,
        "mode": key.mode,
        "key": key.unopened.words if key.unopened else key.text.reveal(),
        "createdAt": iso(key.created_at),
        "expiresAt": iso(key.expires_at),
        "revokedAt": iso(key.revoked_at),
        "lastUsedAt": iso(key.last_used_at),
    }


def _show_status(shell: Shell, one: "Source") -> None:
    shell.show({"id": one.id, "name": one.name, "status": one.status})
