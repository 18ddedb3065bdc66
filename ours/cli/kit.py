"""Finds the plugin that its author names, checks it, and shows the request that it would make."""

import gzip
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError
from requests import PreparedRequest, Request

from ours import clock, ids
from ours.cli.shell import Shell
from ours.core import wire
from ours.core.incoming import Incoming
from ours.core.mapping import Released, context_of
from ours.core.redact import Masker
from ours.errors import Invalid, NotFound
from ours.plugin import (
    Delivery,
    Destination,
    Event,
    Rejected,
    Skipped,
    describe_settings,
    load_settings,
    secrets_of,
)
from ours.plugin.testing import sample_event, sample_visitor
from ours.plugin.testing.exchange import prepared
from ours.plugin.testing.running import complaints_of, made_up_settings, run, told
from ours.plugin.testing.watching import watched
from ours.registry import Loaded, Registry, SetAside, load, load_at, load_built_in, taken_by
from ours.services.destinations.mapping import mapper_of

Document = Mapping[str, Any]


def find(name: str, shell: Shell) -> Registry:
    """The plugin in a file or folder, with whatever was set aside of it; or else the loaded one of that type.

    :raises NotFound: when there is neither.
    """
    path = Path(name)
    if path.exists():
        return load_at(path)
    loaded = load(shell.settings).get(name)
    if loaded is None:
        raise NotFound(f'There is no file "{name}", and no loaded plugin of that type: see `ours plugin list`.')
    return Registry([loaded])


def chosen(name: str, slug: str | None, shell: Shell) -> Destination:
    """The one destination that is meant.

    :raises Invalid: when it was set aside, or there are several and none was named.
    """
    found = find(name, shell)
    if found.set_aside:
        raise Invalid(" ".join(one.reason for one in found.set_aside))
    fitting = named(found, slug)
    if len(fitting) != 1:
        raise Invalid(f"It brings {_slugs(found)}. Say with --type which of them is meant.")
    return fitting[0].plugin


def named(found: Registry, slug: str | None) -> list[Loaded]:
    """Those of that slug; without one, all.

    :raises Invalid: when none has it.
    """
    fitting = [one for one in found.loaded if slug in (None, one.slug)]
    if slug and not fitting:
        raise Invalid(f"It brings {_slugs(found)}. None of them is {slug}.")
    return fitting


def taken(many: Sequence[Loaded]) -> list[SetAside]:
    """Those that the server would set aside, for one of its own has their slug."""
    own = load_built_in()
    holders = [(one, own.get(one.slug)) for one in many if one.origin != "built-in"]
    return [
        SetAside(one.slug, one.origin, one.where, taken_by(holder))
        for one, holder in holders
        if holder and Path(holder.where).resolve() != Path(one.where).resolve()
    ]


def checked(many: Sequence[Loaded], given: Mapping[str, Any], *, secrets_in_url: bool) -> list[Document]:
    """Of each, every check of the contract, with what is wrong. Of ``given``, each takes the settings that it has.

    :raises Invalid: when none has one of them, or the kit can't think of settings that work.
    """
    own = {one.slug: {setting.name for setting in describe_settings(one.plugin)} for one in many}
    unknown = set(given).difference(*own.values()) if many else set()
    if unknown:
        raise Invalid(f"There is no setting {', '.join(sorted(unknown))}.")
    return [
        _checked(one, {name: value for name, value in given.items() if name in own[one.slug]}, secrets_in_url)
        for one in many
    ]


def _checked(one: Loaded, given: Mapping[str, Any], secrets_in_url: bool) -> Document:
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            checks = [check._asdict() for check in run(type(one.plugin), given, secrets_in_url=secrets_in_url)]
    except ValidationError as error:
        raise _settings_wrong(error) from None
    return {"type": one.slug, "ok": not any(check["fault"] for check in checks), "checks": checks}


def tried(plugin: Destination, event: Event, given: Mapping[str, Any], mapping: Mapping[str, str]) -> Document:
    """What Ours would send of an event by this plugin, secrets masked; or why nothing.

    :raises Invalid: when settings or mapping won't do, or the plugin fails.
    """
    with redirect_stdout(sys.stderr):
        try:
            settings = load_settings(plugin, made_up_settings(type(plugin), given))
        except ValidationError as error:
            raise _settings_wrong(error) from None
        released = mapper_of(plugin, plugin.category, mapping, []).apply(context_of(event, sample_visitor(event)))
        about = {"plugin": plugin.slug, "event": released.event.name, "fields": released.fields}
        try:
            built = _built(plugin, released, settings)
        except AssertionError as error:
            raise Invalid(str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever the plugin raises is what its author must hear
            raise Invalid(told(type(plugin), error)) from None
    if isinstance(built, PreparedRequest):
        return about | {"outcome": "request", "request": _shown(built, Masker(secrets_of(settings)))}
    code = built.reason if isinstance(built, Skipped) else built.code
    return about | {"outcome": type(built).__name__.lower(), "code": code, "message": built.message, "request": None}


def _built(
    plugin: Destination, released: Released, settings: Mapping[str, Any]
) -> PreparedRequest | Skipped | Rejected:
    """As the server goes about it."""
    if released.missing:
        return released.refusal()
    delivery = Delivery(
        id=ids.new_id(), event=released.event, fields=released.fields, settings=settings, now=clock.now_ms()
    )
    asked = watched(type(plugin))
    built: object = asked.build(delivery)
    if isinstance(built, Skipped | Rejected):
        return built
    if not isinstance(built, Request):
        raise Invalid(f"build returned {built!r}, not a Request.")
    if asked.token_request(settings, delivery.now) is not None:
        built.headers = {"Authorization": "Bearer …", **built.headers}
    prepared(built)
    return built.prepare()


def read_event(file: Path | None, sample: str) -> Event:
    """The event in a file, written as a caller posts it; without a file, one of the samples.

    :raises Invalid: when it is no valid body.
    """
    if file is None:
        return sample_event(sample)
    from ours.web.ingest.schemas import IDENTIFY_BODY, TRACK_BODY

    try:
        body = wire.read(file.read_bytes())
    except wire.Unreadable as problem:
        raise Invalid(f"{file}: {problem}") from None
    if not isinstance(body, dict):
        raise Invalid(f"{file} must hold a JSON object, as it is posted to /api/v1/track or /api/v1/identify.")
    schema = TRACK_BODY if "event" in body else IDENTIFY_BODY
    return _event(schema.incoming(body, clock.now_ms()))


def print_try(document: Document) -> None:
    """For people: the request as it goes over the wire, or why there is none."""
    request = document["request"]
    if request is None:
        click.secho(f"{document['outcome']}: {document['code']}. {document['message']}", fg="yellow")
        return
    click.secho(f"{request['method']} {request['url']}", bold=True)
    click.echo("\n".join(f"{name}: {value}" for name, value in request["headers"].items()))
    click.echo(f"\n{_pretty(request['body'])}")


def print_checks(documents: Sequence[Document]) -> None:
    """For people: each mistake once, below all the checks that it fails."""
    for document in documents:
        click.secho(document["type"], bold=True)
        checks = document["checks"]
        for fault in dict.fromkeys(one["fault"] for one in checks if one["fault"]):
            failed = [one for one in checks if one["fault"] == fault]
            for check in failed:
                click.secho("  wrong  ", nl=False, fg="red")
                click.echo(check["name"])
            inputs = list(dict.fromkeys(one["given"] for one in failed if one["given"]))
            click.echo(f"         {fault}" + (f"\n         Found with {_listed(inputs)}." if inputs else ""))
        for check in checks:
            if not check["fault"]:
                click.secho("  ok     ", nl=False, fg="green")
                click.echo(check["name"])


def _slugs(found: Registry) -> str:
    return ", ".join(one.slug for one in found.loaded)


def _listed(texts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _event(incoming: Incoming) -> Event:
    body = incoming.payload()
    body.pop("warnings", None)
    event_id = ids.new_id()
    return Event(
        id=event_id,
        name=incoming.name,
        distinct_id=body.pop("distinct_id", None) or event_id,
        occurred_at=incoming.occurred_at,
        received_at=clock.now_ms(),
        **body,
    )


def _shown(ready: PreparedRequest, masker: Masker) -> Document:
    body = ready.body or b""
    data = body.encode() if isinstance(body, str) else body
    if ready.headers.get("Content-Encoding") == "gzip":
        data = gzip.decompress(data)
    text = masker.text(data.decode("utf-8", "replace"))
    headers = masker.headers(dict(ready.headers))
    return {"method": ready.method, "url": masker.url(str(ready.url)), "headers": headers, "body": text}


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body


def _settings_wrong(error: ValidationError) -> Invalid:
    said = complaints_of(error)
    return Invalid(f"These settings won't do; give working ones with --set KEY=VALUE. {' · '.join(said)}")
