"""What ``ours doctor`` looks at for safety: who can reach us, who can change what we run, what a 200 is worth."""

import stat
from collections.abc import Iterator

from ours.bootstrap import Ours
from ours.cli.finding import Finding
from ours.settings import Settings
from ours.store.queries import server

_LEAST_DIFFERENT_BYTES = 16
_SHORTEST_TOKEN = 16
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_OLDEST_SERVER = 15
_SHORTEST_TIMEOUT_MS = 10_000
_TIMEOUTS = "statement_timeout", "transaction_timeout"


def exposure(settings: Settings) -> Iterator[Finding]:
    """The dashboard is not open to a network in clear."""
    if settings.host in _LOCAL:
        yield Finding("exposure", "ok", f"The web server listens on {settings.host} only.")
    elif not settings.trusted_proxies:
        yield Finding(
            "exposure", "warn", f"The web server listens on {settings.host} without a proxy: sign-ins go in clear.",
            "Put a TLS proxy in front (deploy/nginx.conf, deploy/Caddyfile), and set OURS_TRUSTED_PROXIES=1.",
        )  # fmt: skip
    else:
        yield Finding("exposure", "ok", "A proxy is in front.")
    if settings.metrics_token and len(settings.metrics_token) < _SHORTEST_TOKEN:
        yield Finding("exposure", "warn", "OURS_METRICS_TOKEN is short.", "Use 24 random characters or more.")


def keys(settings: Settings) -> Iterator[Finding]:
    """The secret keys are random, and the same on every machine."""
    if any(len(set(key)) < _LEAST_DIFFERENT_BYTES for key in settings.secret_keys):
        yield Finding(
            "secret strength", "fail", "A key in OURS_SECRET_KEYS is not random.",
            "Put a new one first (openssl rand -base64 32 | tr '+/' '-_'), and keep the old one after it.",
        )  # fmt: skip
    elif not settings.embedded_database and "secret_keys" not in settings.given:
        yield Finding(
            "secret strength", "warn", f"The secret key lies in {settings.home}: another machine would make another.",
            "Set OURS_SECRET_KEYS to what secret.key holds, on every machine.",
        )  # fmt: skip
    else:
        yield Finding("secret strength", "ok", "The secret keys are random.")


def code(settings: Settings) -> Iterator[Finding]:
    """The folder of plugins is there, and nobody else may put code where we run it."""
    folder = settings.plugins_dir
    if "plugins_dir" in settings.given and not folder.is_dir():
        yield Finding(
            "plugins folder", "warn", f"There is no folder {folder}, so no plugin of yours is loaded.",
            "Correct OURS_PLUGINS_DIR, or make it.",
        )  # fmt: skip
    for path in (folder, *sorted(folder.glob("*.py"))) if folder.is_dir() else ():
        if stat.S_IMODE(path.stat().st_mode) & stat.S_IWOTH:
            yield Finding(
                "plugins folder", "fail", f"Anybody may write {path}, and what is there is run.", f"chmod o-w {path}"
            )


def durability(ours: Ours) -> Iterator[Finding]:
    """What PostgreSQL is set to: a 200 means that the event is on disk."""
    if ours.store.is_sqlite:
        return
    with ours.store.read() as connection:
        found = server.settings(connection)
        version = server.version(connection)
    if version < _OLDEST_SERVER:
        yield Finding("PostgreSQL", "fail", f"It is version {version}.", f"Use {_OLDEST_SERVER} or later.")
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        if found[name] == "off":
            yield Finding(
                "PostgreSQL", "warn", f"{name} is off: a crash may lose what was answered 200.", f"Set {name} = on."
            )
    for name in _TIMEOUTS:
        if 0 < int(found.get(name, 0)) < _SHORTEST_TIMEOUT_MS:
            yield Finding("PostgreSQL", "warn", f"{name} is {found[name]} ms.", "Leave it at 0, or above 10 s.")
    yield Finding("PostgreSQL", "ok", f"It is version {version}.")


def rights(ours: Ours) -> Iterator[Finding]:
    """On PostgreSQL: our role may do with the tables what we do with them."""
    if ours.store.is_sqlite:
        return
    with ours.store.read() as connection:
        lacking, owner = server.lacking(connection), server.other_owner(connection)
    for one in lacking:
        said = f"Our role lacks the right to {one.verbs} on {one.thing}."
        yield Finding("rights", "fail", said, f"Have its owner say: GRANT {one.verbs} ON {one.thing} TO our role")
    if owner:
        yield Finding(
            "rights", "warn", f"The tables belong to {owner}: our role can't change their shape, nor make partitions.",
            f"Use that role; or run `ours db upgrade` and `ours db partition` as {owner}, and grant ours what is new.",
        )  # fmt: skip
