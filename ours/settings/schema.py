"""Every setting: its name, what it is for, its default, and what it may be."""

from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from ours.settings.kinds import ADDRESS, Addresses, Folder, Hosts, Keys, Networks, has_host, has_port, is_ascii, is_ip

PREFIX = "OURS_"
_MOST = 2**31 - 1
_MOST_DAYS = 36_500


def _text(text: str, default: str, *checks: Any) -> fields.String:
    return fields.String(load_default=default, validate=list(checks), metadata={"text": text})


def _count(text: str, default: int, low: int = 0, high: int = _MOST) -> fields.Integer:
    within = validate.Range(low, high, error="Must be from {min} to {max}.")
    return fields.Integer(
        load_default=default,
        validate=within,
        error_messages={"invalid": "Must be a whole number, without a unit."},
        metadata={"text": text},
    )


def _days(text: str, default: int, low: int = 1) -> fields.Integer:
    return _count(text, default, low, _MOST_DAYS)


def _said(text: str, shown: str) -> dict[str, str]:
    return {"text": text, "shown": shown}


_DATABASE = validate.Regexp(
    r"^$|^postgres(ql)?(\+psycopg)?://|^sqlite:///", error="Must begin with postgresql:// (or be empty)."
)
_SMTP = validate.Regexp(r"^$|^smtps?://[^/\s]+$", error="Must read smtp://user:password@host:587 or smtps://….")
_WEBHOOK = validate.Regexp(r"^$|^https?://\S+$", error="Must begin with https:// or http://.")
_QUEUE = validate.Regexp(
    r"^$|^rediss?://[^/?#\s]*(/[0-9]*)?(\?\S*)?$|^unix://\S+$",
    error="Must read redis://host:6379/0, rediss://… or unix:///path/of/the.sock.",
)
_TOKEN = validate.Regexp(r"^$|^[!-~]+$", error="Must be ASCII without blanks, for it stands in a header.")
_SENDER = validate.Regexp(ADDRESS, error="Must be an e-mail address alone: ours@example.com.")
_PROXY = validate.Regexp(
    r"^$|^http://[^/?#\s@]+(:[0-9]{1,5})?/?$", error="Must be http://host:port, without a user name."
)


class SettingsSchema(Schema):
    """Each field is the variable ``OURS_`` + its name in capitals; ``docs/settings.md`` is generated from here."""

    class Meta:
        unknown = EXCLUDE

    home = Folder(
        load_default=lambda: Path("data").resolve(),
        metadata=_said("The data folder; made with mode 0700.", "./data"),
    )
    host = _text(
        "The IP address that the web server listens on; `0.0.0.0`: all IPv4 addresses here; `::`: IPv6 too.",
        "127.0.0.1",
        is_ip,
    )
    port = _count("The port that the web server listens on.", 8000, 1, 65535)
    database_url = _text("`postgresql://…`. Empty: SQLite in the data folder.", "", _DATABASE)
    redis_url = _text(
        "`redis://…`, `rediss://…` or `unix://…`. Empty: an embedded Valkey in the data folder.", "", _QUEUE, has_port
    )
    secret_keys = Keys(
        load_default=(),
        metadata=_said(
            "The key ring that seals secrets and personal data: 32-byte keys in URL-safe base64, comma-separated,"
            " newest first. Empty: one is made on the first start and kept in the data folder.",
            "made on first start",
        ),
    )
    plugins_dir = Folder(
        load_default=lambda: Path("plugins").resolve(),
        metadata=_said("The folder of your own destination plugins.", "./plugins"),
    )
    allow_networks = Networks(
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
    web_threads = _count(
        "Requests that the web server works on at once, 2 to 1024; those that wait for their body or for the disk do"
        " not count.", 4, 2, 1024
    )  # fmt: skip
    keep_alive_seconds = _count(
        "Seconds that a connection may be idle between two requests, and that a request's head may take. Set it higher"
        " than the idle time-out of a proxy in front.", 75, 1, 3600
    )  # fmt: skip
    deliver_workers = _count("Deliver workers that `ours serve` starts, at most 256.", 1, 1, 256)
    max_backlog = _count("When more events than this wait to be routed, new ones are answered 503.", 1_000_000, 1)
    min_free_mb = _count(
        "When the data folder has less free disk space (MB) than this, new events are answered 503.", 200
    )
    max_batch_rows = _count("Rows that one `/batch` request may carry.", 1000, 1)
    max_batch_bytes = _count("Bytes that one `/batch` body may have, decompressed.", 5 * 1024 * 1024, 1)
    trusted_proxies = _count(
        "How many reverse proxies are in front, one behind another, and set or pass on `X-Forwarded-*`.", 0
    )
    metrics_token = _text(
        "What a monitor must send to read `/metrics`, as `Authorization: Bearer …`. Empty: only this machine may ask.",
        "",
        _TOKEN,
    )
    allowed_hosts = Hosts(
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
    second_factor = _text(
        "`optional`: people may set up an authenticator, whose codes they then need besides the password. `required`:"
        " everybody must, and sets one up before anything else.",
        "optional", validate.OneOf(["optional", "required"])
    )  # fmt: skip
    proxy = _text(
        "`http://host:port` of a proxy through which all destinations are reached. Empty: directly, whatever"
        " `HTTPS_PROXY` says. The proxy then looks names up, so it must refuse addresses that are not public.",
        "", _PROXY, has_host
    )  # fmt: skip
    keep_events_days = _days(
        "Days after which a live event is deleted with its dispatches, unless one of them is still open."
        " At least 7: as long as an event is kept, repeats of it are recognised.", 90, 7
    )  # fmt: skip
    keep_test_days = _days("The same for test events.", 14, 7)
    keep_attempts_days = _days(
        "Days after which attempts of dispatches that have ended are deleted, and the reasons for refusals.", 30
    )
    keep_held_days = _days("Days after which a held dispatch is given up (stopped, as `expired`).", 30)
    keep_audit_days = _days("Days after which audit entries, closed alerts and the volumes by minute are deleted.", 400)
    alert_webhook = _text(
        "Where alerts are posted as JSON: the webhook of Slack, Mattermost, Discord, Google Chat or a workflow of"
        " Teams; PagerDuty, as `https://ROUTING_KEY@events.pagerduty.com/v2/enqueue`; or your own. In your own network,"
        " it must be allowed by OURS_ALLOW_NETWORKS as destinations must.", "", _WEBHOOK, has_host
    )  # fmt: skip
    alert_email = Addresses(
        load_default=(), metadata=_said("Who gets alerts by e-mail, comma-separated. Needs OURS_SMTP_URL.", "nobody")
    )
    alert_from = _text("The sender of those e-mails.", "ours@localhost", _SENDER)
    smtp_url = _text(
        "The mail server: `smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`. No password is sent"
        " unencrypted.", "", _SMTP, has_host, is_ascii
    )  # fmt: skip

    @validates_schema(skip_on_field_errors=True)
    def _mail_needs_a_server(self, data: dict[str, Any], **_: Any) -> None:
        if data["alert_email"] and not data["smtp_url"]:
            raise ValidationError("Needs OURS_SMTP_URL.", "alert_email")
