"""Rows in a PostgreSQL table: a warehouse of your own, queried with SQL."""

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Duplicate,
    Network,
    Outcome,
    Rejected,
    Request,
    Retry,
    Schema,
    Secret,
    Unauthorized,
    envelope,
    fields,
    hookimpl,
    to_json,
    validate,
)

if TYPE_CHECKING:
    import psycopg

TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
HOST = re.compile(r"(/.*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[^\s/@,]*|[^\s/@:,]+)\Z")
"""A socket's folder, an IPv6 address, or a name. A whole URL would show its password."""
INSERT = """
INSERT INTO {} (id, type, occurred_at, data)
SELECT id, type, timestamp, data FROM jsonb_to_recordset(%s::jsonb)
    AS row(id text, type text, timestamp timestamptz, data jsonb)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
NO_FILE = "/dev/null/none"
"""A path at which there can be nothing: libpq, told none, would look into the machine's own ``.pgpass``."""
FOR_NOW = ("08", "40", "53", "55", "57", "58", "XX")
CONFIGURED_WRONG = ("28", "3D", "3F", "42", "0A", "25")
BUSY = re.compile(
    "starting up|shutting down|in recovery mode|accepting connections|administrator command|crash|out of memory"
    "|too many|connection slots|no more connections|timeout|try again"
)
"""What PostgreSQL and PgBouncer say when they take nobody just now."""


class Postgres(Destination):
    """Each event is one row. Make the table first:

    ```sql
    CREATE TABLE events (
        id text PRIMARY KEY,
        type text NOT NULL,
        occurred_at timestamptz NOT NULL,
        data jsonb NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now()
    );
    GRANT INSERT, SELECT ON events TO ours;
    ```

    `type` is the event's name and `data` holds the fields of the mapping. `id` is the delivery's: a row that is there
    already is left as it is, so that no try is stored twice. Up to 500 events go into one statement; when one of them
    can't be stored, it alone is rejected.

    | SQLSTATE | what follows |
    |---|---|
    | none (unreachable, full, shutting down), 08, 40, 53, 55, 57, 58, XX | tried again |
    | 28, 3D, 3F, 42, 0A, 25: sign-in, rights, no such table | after five in a row, the destination pauses |
    | 22, 23 and all else: this row can't be stored | rejected |

    The server's own words are not kept: they may quote the row. A server in a network of your own is reached when
    `OURS_ALLOW_NETWORKS` names that network. A folder as the host is the socket of a server on this machine, which
    counts as 127.0.0.1. Without a password none is sent: `PGPASSWORD` and a `.pgpass` of this machine are not looked
    at, for they are meant for other servers than the one that is named here.
    """

    slug = "postgres"
    label = "PostgreSQL table"
    summary = "Inserts each event as a row into your table."
    dedupes = True
    batching = Batching(max_items=500, max_bytes=4_000_000, atomic=True)
    default_mapping = EVENT_MAPPING

    class Settings(Schema):
        host = fields.String(required=True, validate=validate.Regexp(HOST, error="Must be the server's name or address"
            " alone: port, user, password and database have settings of their own."), metadata={
            "label": "Host", "example": "warehouse.example.com", "help": "Name or address of the server.",
            "address": True})  # fmt: skip
        port = fields.Integer(load_default=5432, validate=validate.Range(1, 65535), metadata={
            "label": "Port", "help": "Where the server listens.", "address": True})  # fmt: skip
        database = fields.String(required=True, metadata={
            "label": "Database", "example": "warehouse", "help": "Its name."})  # fmt: skip
        user = fields.String(required=True, metadata={
            "label": "User", "example": "ours",
            "help": "A role that may insert into the table and select from it."})  # fmt: skip
        password = Secret(metadata={"label": "Password", "help": "Of that role, if it signs in with one."})
        table = fields.String(load_default="events", validate=validate.Regexp(
            re.compile(rf"{TABLE.pattern}\Z"), error="Must be a table's plain name, with or without its schema."),
            metadata={"label": "Table", "help": "Its name, or `schema.name`."})  # fmt: skip
        sslmode = fields.String(load_default="require", validate=validate.OneOf(
            ["disable", "prefer", "require", "verify-ca", "verify-full"]), metadata={
            "label": "TLS",
            "help": "`verify-full` also checks who the server is, against the authorities that this machine trusts, or"
            " those in `~/.postgresql/root.crt`; `disable` is for this machine only."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        return {"id": delivery.id} | envelope(delivery)

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        place = f"{quote(settings['host'], safe='')}:{settings['port']}/{quote(settings['database'], safe='')}"
        return Request("INSERT", f"postgresql://{place}/{settings['table']}", data=to_json(list(items)))

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome | Sequence[Outcome]:
        import psycopg

        rows = request.data.decode()
        try:
            with connected(settings, place_of(settings["host"], settings["port"], network)) as connection:
                known = inserted(connection, settings["table"], rows)
        except psycopg.Error as error:
            return verdict(error)
        return [Delivered() if row["id"] in known else Duplicate() for row in json.loads(rows)]


def place_of(host: str, port: int, network: Network) -> dict[str, str]:
    """Where libpq is to connect: to the addresses that may be reached, by the name that the certificate is for.

    :raises NetworkRefused: when none may be.
    """
    if host.startswith("/"):
        network.addresses("127.0.0.1", port)
        return {"host": host}
    addresses = network.addresses(host, port)
    return {"host": ",".join([host] * len(addresses)), "hostaddr": ",".join(addresses)}


def connected(settings: Mapping[str, Any], place: Mapping[str, Any]) -> "psycopg.Connection[Any]":
    import psycopg

    password = settings.get("password")
    return psycopg.connect(
        **place,
        port=settings["port"],
        dbname=settings["database"],
        user=settings["user"],
        password=password.reveal() if password else "",  # not None, for which libpq would take PGPASSWORD
        passfile=NO_FILE,
        sslmode=settings["sslmode"],
        sslrootcert=authorities(settings["sslmode"]),
        connect_timeout=8,
        options="-c statement_timeout=10000",
        application_name="ours",
    )


def authorities(sslmode: str) -> str | None:
    """The file of those whose certificates are taken, where any is looked at; None: libpq's own, its only ones."""
    if not sslmode.startswith("verify") or Path("~/.postgresql/root.crt").expanduser().exists():
        return None
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return ssl.get_default_verify_paths().cafile or DEFAULT_CA_BUNDLE_PATH


def inserted(connection: "psycopg.Connection[Any]", table: str, rows: str) -> set[str]:
    """Store ``rows``; the ids of those that were not there yet."""
    from psycopg import sql

    statement = sql.SQL(INSERT).format(sql.Identifier(*table.split(".")))
    return {row[0] for row in connection.execute(statement, [rows])}


def verdict(error: "psycopg.Error") -> Outcome:
    state, name = error.sqlstate, type(error).__name__
    if state is None:
        return unreachable(error)
    code, said = f"sqlstate_{state.lower()}", f"PostgreSQL refused it: {name} ({state})."
    if state.startswith(FOR_NOW):
        return Retry(code, said)
    if state.startswith(CONFIGURED_WRONG):
        return Unauthorized(code, f"{said} Check the table, the role and its rights.")
    return Rejected(code, said)


def unreachable(error: "psycopg.Error") -> Outcome:
    """No connection came about, and libpq tells no SQLSTATE: only its words tell who refused, and for how long."""
    said = re.sub('"[^"]*"', "", str(error))
    if "FATAL:" in said and not BUSY.search(said):
        return Unauthorized("sign_in_refused", "PostgreSQL refused the connection. Check user, password and database.")
    if "certificate" in said or "SSL" in said:
        return Retry("tls_failed", "No secure connection. Check TLS in the settings, and the server's certificate.")
    return Retry("unreachable", "No connection to PostgreSQL came about.")


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Postgres]
