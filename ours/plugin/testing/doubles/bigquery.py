"""BigQuery's insertAll: a token for a signed claim, then a verdict for each row that the table can't take."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa

from ours.plugin.testing.accounts import GoogleDouble
from ours.plugin.testing.doubles.server import Answer, Call

_PATH = re.compile(r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)/insertAll")
_TABLE = ("my-project", "my_dataset", "events")
_COLUMNS = {"id": "STRING", "type": "STRING", "occurred_at": "TIMESTAMP", "data": "JSON"}
_MOST, _LARGEST, _LONGEST_ID = 50_000, 10_485_760, 128


class BigQueryDouble(GoogleDouble):
    """``kept`` are the rows of its table, repeats dropped. ``columns`` is the table, each must be filled. ``strict``:
    one row that is wrong stops the others, as where the table differs."""

    scopes: ClassVar = {"bigquery", "bigquery.insertdata", "cloud-platform"}

    def __init__(self, port: int = 0, *, private: rsa.RSAPrivateKey | None = None, strict: bool = False) -> None:
        super().__init__(port, private=private)
        self.columns = dict(_COLUMNS)
        self._strict = strict
        self._seen: set[str] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "service_account": self.key, "project_id": _TABLE[0], "dataset": _TABLE[1]}

    def answer(self, call: Call) -> Answer:
        if call.path == "/token":
            return self.token(call)
        place = _PATH.fullmatch(call.path)
        if not place or call.method != "POST":
            return Answer(404, b"<html>Not Found</html>")
        if not self.let_in(call):
            return _error(401, "authError", "UNAUTHENTICATED", "Invalid Credentials")
        if place.groups() != _TABLE:
            return _error(404, "notFound", "NOT_FOUND", f"Not found: Table {':'.join(place.groups())}")
        if len(call.body) > _LARGEST:
            return _error(413, "uploadTooLarge", "INVALID_ARGUMENT", f"Request payload size exceeds {_LARGEST} bytes.")
        body = call.json if isinstance(call.json, dict) else {}
        return self._insert(body.get("rows"), skip=body.get("skipInvalidRows") is True)

    def _insert(self, rows: Any, *, skip: bool) -> Answer:
        if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST:
            return _error(400, "invalid", "INVALID_ARGUMENT", "No rows present in the request.")
        if any(len(str(row.get("insertId", ""))) > _LONGEST_ID for row in rows):
            return _error(400, "invalid", "INVALID_ARGUMENT", "An insertId is too long.")
        wrong = {index: error for index, row in enumerate(rows) if (error := next(self._wrong(row["json"]), None))}
        stops = wrong and (self._strict or not skip or any("no such field" in one["message"] for one in wrong.values()))
        for index, row in enumerate(rows):
            if not stops and index not in wrong and row.get("insertId") not in self._seen:
                self._seen.add(row.get("insertId"))
                self.kept.append(row["json"] | {"data": json.loads(row["json"]["data"])})
        named = wrong | ({index: _said("stopped") for index in range(len(rows)) if index not in wrong} if stops else {})
        told = {"insertErrors": [{"index": index, "errors": [error]} for index, error in named.items()]}
        return Answer(200, {"kind": "bigquery#tableDataInsertAllResponse"} | (told if named else {}))

    def _wrong(self, row: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
        for name, value in row.items():
            if name not in self.columns:
                yield _said("invalid", name, f"no such field: {name}.")
            elif not _fits(self.columns[name], value):
                yield _said(
                    "invalid", name, f"Cannot convert value to {self.columns[name].lower()} (bad value): {value}"
                )
        for name in self.columns.keys() - row.keys():
            yield _said("invalid", "", f"Missing required field: Msg_0_CLOUD_QUERY_TABLE.{name}.")


def _fits(kind: str, value: Any) -> bool:
    if kind == "INT64":
        return isinstance(value, int) or str(value).isdecimal()
    try:
        if kind == "TIMESTAMP":
            datetime.fromisoformat(value)
        if kind == "JSON":  # a text of it; an object is no record's
            json.loads(value)
    except (ValueError, TypeError):
        return False
    return isinstance(value, str)


def _said(reason: str, location: str = "", message: str = "") -> Mapping[str, str]:
    return {"reason": reason, "location": location, "debugInfo": "", "message": message}


def _error(status: int, reason: str, word: str, message: str) -> Answer:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return Answer(status, {"error": {"code": status, "message": message, "errors": errors, "status": word}})
