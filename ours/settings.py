"""The only reader of the environment. Every problem is reported at once, each by the name of its variable."""

import base64
import binascii
import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from ours.errors import SettingsInvalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PREFIX = "OURS_"
_KEY_FILE = "secret.key"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LONGEST_SOCKET_PATH = 100
_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")


class _Commas(fields.Field[tuple[Any, ...]]):
    """Comma-separated parts, each read by ``one``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Any, ...]:
        try:
            return tuple(self.one(part.strip()) for part in str(value).split(",") if part.strip())
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def one(self, part: str) -> Any:
        raise NotImplementedError


class _Networks(_Commas):
    def one(self, part: str) -> Network:
        return ipaddress.ip_network(part, strict=False)


class _Hosts(_Commas):
    def one(self, part: str) -> str:
        if not _HOST.fullmatch(part):
            raise ValueError("Each must be a host's name or address, without a scheme, a port or a path.")
        return part.lower()


class _Keys(_Commas):
    def one(self, part: str) -> bytes:
        try:
            key = base64.urlsafe_b64decode(part)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ValueError("Each key must be 32 bytes in URL-safe base64 (44 characters).")
        return key


class _Addresses(_Commas):
    def one(self, part: str) -> str:
        if not _ADDRESS.fullmatch(part):
            raise ValueError(f'"{part}" is no e-mail address.')
        return part


class _Folder(fields.Field[Path]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Path:
        return Path(str(value)).expanduser().resolve()


def _text(text: str, default: str, *checks: Any) -> fields.String:
    return fields.String(load_default=default, validate=list(checks), metadata={"text": text})


def _count(text: str, default: int, low: int = 0) -> fields.Integer:
    return fields.Integer(load_default=default, validate=validate.Range(min=low), metadata={"text": text})


def _said(text: str, shown: str) -> dict[str, str]:
    return {"text": text, "shown": shown}


_DATABASE = validate.Regexp(
    r"^$|^postgres(ql)?(\+psycopg)?://|^sqlite:///", error="Must begin with postgresql:// (or be empty)."
)
_SMTP = validate.Regexp(r"^$|^smtps?://[^/\s]+$", error="Must read smtp://user:password@host:587 or smtps://….")
_WEBHOOK = validate.Regexp(r"^$|^https?://\S+$", error="Must begin with https:// or http://.")
_QUEUE = validate.Regexp(r"^$|^(rediss?|unix)://", error="Must begin with redis://, rediss:// or unix://.")


_PROXY = validate.Regexp(
    r"^$|^http://[^/?#\s@]+(:[0-9]{1,5})?/?$", error="Must be http://host:port, without a user name."
)


_SECRETS = {"secret_keys", "metrics_token", "alert_webhook"}
_ADDRESSES = {"database_url", "redis_url", "smtp_url", "proxy"}


class SettingsSchema(Schema):
    """Each field is the variable ``OURS_`` + its name in capitals; ``docs/settings.md`` is generated from here."""

    class Meta:
        unknown = EXCLUDE

    home = _Folder(
        load_default=lambda: Path("data").resolve(),
        metadata=_said("The data folder; made with mode 0700.", "./data"),
    )
    host = _text("The address the web server listens on.", "127.0.0.1")
    port = _count("The port the web server listens on.", 8000)
    database_url = _text("`postgresql://…`. Empty: SQLite in the data folder.", "", _DATABASE)
    redis_url = _text(
        "`redis://…`, `rediss://…` or `unix://…`. Empty: an embedded Valkey in the data folder.", "", _QUEUE
    )
    secret_keys = _Keys(
        load_default=(),
        metadata=_said(
            "The key ring that seals secrets and personal data: 32-byte keys in URL-safe base64, comma-separated,"
            " newest first. Empty: one is made on the first start and kept in the data folder.",
            "made on first start",
        ),
    )
    plugins_dir = _Folder(
        load_default=lambda: Path("plugins").resolve(),
        metadata=_said("The folder of your own destination plugins.", "./plugins"),
    )
    allow_networks = _Networks(
        load_default=(),
        metadata=_said(
            "Networks beyond the public Internet that destinations may reach, in CIDR form, comma-separated"
            " (`127.0.0.0/8,10.1.0.0/16`).",
            "none",
        ),
    )
    log_level = _text(
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`.", "INFO", validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
    )
    log_format = _text(
        "`json`, `text`, or `auto` (text on a terminal).", "auto", validate.OneOf(["auto", "json", "text"])
    )
    web_threads = _count("Requests that the web server works on at once; what waits for the disk does not count.", 4, 1)
    deliver_workers = _count("Deliver workers that `ours serve` starts.", 1, 1)
    max_backlog = _count("Events waiting to be routed above which new ones are answered 503.", 1_000_000, 1)
    min_free_mb = _count("Free disk space (MB) in the data folder below which new events are answered 503.", 200)
    max_batch_rows = _count("Rows that one `/batch` request may carry.", 1000, 1)
    max_batch_bytes = _count("Bytes that one `/batch` body may have, unpacked.", 5 * 1024 * 1024, 1)
    trusted_proxies = _count("How many reverse proxies stand in front and set `X-Forwarded-*`.", 0)
    metrics_token = _text(
        "What a monitor must send to read `/metrics`, as `Authorization: Bearer …`. Empty: only this machine may ask.",
        "",
    )
    allowed_hosts = _Hosts(
        load_default=(),
        metadata=_said(
            "Names under which the dashboard may be opened, comma-separated (`ours.example.com`; `.example.com` is all"
            " below it). Empty: any; but on a loopback address without trusted proxies, only this machine's own names.",
            "–",
        ),
    )
    session_idle_minutes = _count(
        "Minutes without a click after which a person must sign in again. 15 suits health and payment data. A session"
        " never lives longer than 12 hours.", 720, 1
    )  # fmt: skip
    proxy = _text(
        "`http://host:port` of a proxy through which all destinations are reached. Empty: directly, whatever"
        " `HTTPS_PROXY` says. The proxy then looks names up, so it has to refuse what is not public.", "", _PROXY
    )  # fmt: skip
    keep_events_days = _count(
        "Days after which a live event is deleted with all that became of it, unless a dispatch is still open."
        " At least 7: as long as an event is kept, it is not taken a second time.", 90, 7
    )  # fmt: skip
    keep_test_days = _count("The same for test events.", 14, 7)
    keep_attempts_days = _count("Days after which the attempts of dispatches that are done are deleted.", 30, 1)
    keep_held_days = _count("Days after which a held dispatch is given up: stopped, as expired.", 30, 1)
    keep_audit_days = _count(
        "Days after which audit entries, closed alerts and the volumes by minute are deleted.", 400, 1
    )
    alert_webhook = _text(
        "Where alerts are posted as JSON: a Slack webhook's address, or your own. In your own network, it must be"
        " allowed by OURS_ALLOW_NETWORKS as destinations must.", "", _WEBHOOK
    )  # fmt: skip
    alert_email = _Addresses(
        load_default=(), metadata=_said("Who gets alerts by e-mail, comma-separated. Needs OURS_SMTP_URL.", "nobody")
    )
    alert_from = _text("The sender of those e-mails.", "ours@localhost", validate.Regexp(_ADDRESS))
    smtp_url = _text(
        "The mail server: `smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`. No password is sent"
        " unencrypted.", "", _SMTP
    )  # fmt: skip

    @validates_schema(skip_on_field_errors=True)
    def _mail_needs_a_server(self, data: dict[str, Any], **_: Any) -> None:
        if data["alert_email"] and not data["smtp_url"]:
            raise ValidationError("Needs OURS_SMTP_URL.", "alert_email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided; see ``SettingsSchema`` for what each means."""

    home: Path
    host: str
    port: int
    database_url: str
    redis_url: str
    secret_keys: tuple[bytes, ...]
    plugins_dir: Path
    allow_networks: tuple[Network, ...]
    log_level: str
    log_format: str
    web_threads: int
    deliver_workers: int
    max_backlog: int
    min_free_mb: int
    max_batch_rows: int
    max_batch_bytes: int
    trusted_proxies: int
    metrics_token: str = field(repr=False)
    allowed_hosts: tuple[str, ...]
    session_idle_minutes: int
    proxy: str
    keep_events_days: int
    keep_test_days: int
    keep_attempts_days: int
    keep_held_days: int
    keep_audit_days: int
    alert_webhook: str
    alert_email: tuple[str, ...]
    alert_from: str
    smtp_url: str = field(repr=False)
    given: frozenset[str] = frozenset()
    """The names of those that the environment said; the others have their defaults."""

    @property
    def embedded_database(self) -> bool:
        return not self.database_url

    @property
    def embedded_queue(self) -> bool:
        return not self.redis_url

    @property
    def queue_socket(self) -> Path:
        """Where the embedded Valkey listens: in the data folder, unless that path is too long for a socket."""
        path = self.home / "queue.sock"
        if len(str(path)) < _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ours-{name}.sock"

    @property
    def dashboard_hosts(self) -> tuple[str, ...]:
        """The names that the dashboard answers to; none: any."""
        if self.allowed_hosts or self.trusted_proxies or self.host not in _LOOPBACK:
            return self.allowed_hosts
        return ("localhost", "127.0.0.1", "[::1]")

    @property
    def address(self) -> str:
        host = "localhost" if self.host in {"0.0.0.0", "::", "127.0.0.1"} else self.host  # noqa: S104
        return f"http://{host}:{self.port}"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment, make the data folder and, on the first start, the secret key.

    :raises SettingsInvalid: naming every wrong variable.
    """
    source = os.environ if environ is None else environ  # noqa: TID251
    given = {name.removeprefix(PREFIX).lower(): value for name, value in source.items() if name.startswith(PREFIX)}
    try:
        values: dict[str, Any] = SettingsSchema().load({name: value for name, value in given.items() if value != ""})
    except ValidationError as error:
        problems = {PREFIX + str(name).upper(): " ".join(texts) for name, texts in error.messages_dict.items()}
        raise SettingsInvalid(problems) from None
    home: Path = values["home"]
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        values["secret_keys"] = values["secret_keys"] or _own_keys(home / _KEY_FILE)
    except OSError as error:
        raise SettingsInvalid({"OURS_HOME": f"{home} can't be used: {error.strerror}."}) from None
    return Settings(**values, given=frozenset(name for name, value in given.items() if value != ""))


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting for people to read. ``origin`` is environment, default, or data folder; ``kind`` says how much of
    ``value`` may be seen: all (``plain``), what is no password (``url``), or only that there is one (``secret``).
    """

    variable: str
    text: str
    value: str = field(repr=False)
    default: str
    origin: str
    kind: str


def shown(settings: Settings) -> list[Shown]:
    """All of them, in the order of ``docs/settings.md``."""
    return [_shown(settings, name, item) for name, item in SettingsSchema().fields.items()]


def _shown(settings: Settings, name: str, item: fields.Field[Any]) -> Shown:
    origin = "environment" if name in settings.given else "default"
    if name == "secret_keys" and origin == "default":
        origin = "data folder"
    kind = "secret" if name in _SECRETS else "url" if name in _ADDRESSES else "plain"
    set_to = getattr(settings, name)
    value = _words(set_to) if kind != "secret" else "set" if set_to else ""
    return Shown(PREFIX + name.upper(), item.metadata["text"], value, _default(item), origin, kind)


def _words(value: Any) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def _default(item: fields.Field[Any]) -> str:
    return str(item.metadata.get("shown", item.load_default) or "–")


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables that begin as ours do and are no setting: misspelt, most likely."""
    source = os.environ if environ is None else environ  # noqa: TID251
    known = {PREFIX + name.upper() for name in SettingsSchema().fields}
    return sorted(name for name in source if name.startswith(PREFIX) and name not in known)


def variables() -> Mapping[str, str]:
    """The environment, for configuration files that refer to it."""
    return os.environ  # noqa: TID251


def _own_keys(path: Path) -> tuple[bytes, ...]:
    """The ring kept in the data folder, newest first; made once, by whichever process is first."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return tuple(base64.urlsafe_b64decode(part) for part in path.read_bytes().split(b",") if part.strip())
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(base64.urlsafe_b64encode(key))
    return (key,)


def present_keys(settings: Settings) -> tuple[bytes, ...]:
    """The ring as it is now: a key may have been added to the data folder's since this process began."""
    path = settings.home / _KEY_FILE
    now = _own_keys(path) if path.exists() else ()
    return now if set(settings.secret_keys) <= set(now) else settings.secret_keys


def add_own_key(settings: Settings) -> bool:
    """Put a new key first in the ring of the data folder; False when the ring comes from the environment."""
    path = settings.home / _KEY_FILE
    if not path.exists() or _own_keys(path) != settings.secret_keys:
        return False
    fresh = path.with_suffix(".new")
    keys = (secrets.token_bytes(32), *settings.secret_keys)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b",".join(base64.urlsafe_b64encode(key) for key in keys))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)  # whoever reads meanwhile sees the old ring or the new one
    return True


def document() -> str:
    """``docs/settings.md``: every variable, what it is for, and its default."""
    rows = []
    for name, item in SettingsSchema().fields.items():
        rows.append(f"| `{PREFIX}{name.upper()}` | {item.metadata['text']} | {_default(item)} |")
    head = (
        "# Settings\n\nAll are environment variables, read once at the start; problems are reported together."
        " An admin sees them on the Settings page: each value (secrets masked), and whether the environment"
        " or a default said it."
        " This page is made from the code (`python -m ours.settings > docs/settings.md`).\n\n"
        "| variable | what it is for | default |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
