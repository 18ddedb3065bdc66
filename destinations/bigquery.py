"""Rows in a table of Google BigQuery, streamed by its REST API."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Schema,
    Split,
    Unauthorized,
    Unknown,
    by_api_answer,
    by_api_code,
    envelope,
    fields,
    hookimpl,
    rate_limit_after,
    read_object,
    refused_whole,
    retry_after,
    to_json,
    usual,
    validate,
)
from ours.plugin.google import service_account_request
from ours.plugin.values import text

SCOPE = "https://www.googleapis.com/auth/bigquery.insertdata"
KIND = "bigquery#tableDataInsertAllResponse"
ALWAYS_FINE = {"id", "type", "occurred_at"}
"""Columns that get two texts and a moment of every event: what does not fit there is the table."""
NO_ROWS_FAULT = re.compile(r"no such field|missing required field|this field: \w* ?is not a record", re.IGNORECASE)
"""So begins what BigQuery says to a row of a table that would take none. Further on, it may quote the row."""
THE_TABLES_FAULT = re.compile(
    "has no schema|table of type|streaming insert|invalid (project|dataset|table) id", re.IGNORECASE
)
"""What it says of one to a request."""
TOO_FAST = {"rateLimitExceeded", "quotaExceeded", "RESOURCE_EXHAUSTED"}
FOR_NOW = {"backendError", "internalError", "tableUnavailable", "timeout"}
STOPPED = "stopped"
REST = 60.0
"""Seconds after a quota was used up, where Google does not say how many."""
COLUMN = re.compile(r"\w{1,128}", re.ASCII)
CODE = re.compile(r"[A-Za-z][A-Za-z_]{1,60}")
LOOK_AT = "Check project, dataset, table and its columns, and what the service account may do."


class BigQuery(Destination):
    """Each event is one row. Make the table first, and let the service account write into its dataset:

    ```sql
    CREATE TABLE my_dataset.events (
        id STRING NOT NULL,
        type STRING NOT NULL,
        occurred_at TIMESTAMP NOT NULL,
        data JSON NOT NULL
    )
    PARTITION BY DATE(occurred_at)
    CLUSTER BY type;

    GRANT `roles/bigquery.dataEditor` ON SCHEMA my_dataset
    TO "serviceAccount:ours@my-project.iam.gserviceaccount.com";
    ```

    | column | what it is |
    |---|---|
    | `id` | the delivery's: the same at every try |
    | `type` | the event's name |
    | `occurred_at` | when it happened |
    | `data` | the fields of the mapping, as JSON: `JSON_VALUE(data, '$.properties.order_id')` |

    The table may have further columns that can be empty, and nothing else: where one of these four is missing, or
    another must be filled, no row is stored, none is rejected, and the destination pauses until the table is fixed.

    Up to 500 rows go into one request. A row that can't be stored is rejected, and the others are stored all the same.

    `id` is the `insertId`, too, by which BigQuery drops a repeat, as well as it can and for about a minute. After a
    longer failure a row may be there twice: read each `id` once.

    ```sql
    SELECT * FROM my_dataset.events WHERE TRUE
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY occurred_at) = 1;
    ```

    Rows are there for queries at once; until they have left BigQuery's buffer, which takes up to 90 minutes, they can't
    be updated or deleted. Google takes no streamed rows in projects without billing.

    | answer | what follows |
    |---|---|
    | 200 without `insertErrors` | delivered |
    | 200 with `insertErrors` | those rejected with BigQuery's reason, `stopped` ones sent again at once, the others \
delivered |
    | of a row: `no such field`, `Missing required field`; `id`, `type` or `occurred_at` that does not fit \
| after five in a row, it pauses |
    | of a row: `timeout`, `backendError`, `internalError`; `stopped` and no other named | tried again |
    | 2xx with anything else | nobody knows: tried again, with the same `insertId` |
    | `rateLimitExceeded`, `quotaExceeded`, 429 | the destination rests, a minute where Google does not say how long |
    | `backendError`, `internalError`, `tableUnavailable`, 5xx | tried again |
    | 404, for some minutes also of a table that was made just now; `accessDenied` and all else with 401–405, 407, \
410, 421, a redirect, a web page, a 4xx that is no JSON; a table that takes no streamed rows | after five in a row, \
it pauses |
    | 413, all else | sent in smaller parts, and rejected alone |

    BigQuery's own words are not kept: they may quote the row. Not yet run against the vendor.
    """

    slug = "bigquery"
    label = "BigQuery table"
    summary = "Streams each event as a row into your BigQuery table."
    dedupes = True
    batching = Batching(max_items=500, max_bytes=9_000_000)
    agreement = (
        "Google signs a business associate agreement for Google Cloud: accept it, and check that it names BigQuery,"
        " before you send health data."
    )
    default_mapping = EVENT_MAPPING

    class Settings(Schema):
        service_account = usual.service_account()
        project_id = usual.google_project()
        dataset = fields.String(required=True, validate=validate.Regexp(
            re.compile(r"\w{1,1024}\Z", re.ASCII), error="Must be letters, digits and underscores."), metadata={
            "label": "Dataset", "example": "my_dataset", "help": "Its name, without the project."})  # fmt: skip
        table = fields.String(load_default="events", validate=validate.Regexp(
            r"[\w-]{1,1024}\Z", error="Must be a table's plain name."), metadata={
            "label": "Table", "help": "Its name, without the dataset."})  # fmt: skip
        api_version = usual.api_version("v2")
        endpoint = usual.endpoint("https://bigquery.googleapis.com", "Google")

    def token_request(self, settings: Mapping[str, Any], now: int) -> Request:
        return service_account_request(settings["service_account"], SCOPE, now)

    def item(self, delivery: Delivery) -> Any:
        told = envelope(delivery)
        row = {"id": delivery.id, "type": told["type"], "occurred_at": told["timestamp"]}
        return {"insertId": delivery.id, "json": row | {"data": to_json(told["data"]).decode()}}

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        place = f"projects/{settings['project_id']}/datasets/{settings['dataset']}/tables/{quote(settings['table'])}"
        url = f"{settings['endpoint'].rstrip('/')}/bigquery/{settings['api_version']}/{place}/insertAll"
        body = {"skipInvalidRows": True, "rows": list(items)}
        return Request("POST", url, headers={"Content-Type": "application/json"}, data=to_json(body))

    def read_batch(self, response: Response, items: Sequence[Any]) -> Outcome | Sequence[Outcome]:
        answer = read_object(response)
        taken, wrong, error = 200 <= response.status_code < 300, answer.get("insertErrors"), answer.get("error")
        if taken and isinstance(wrong, list) and wrong:
            return by_row(wrong, len(items))
        if not taken and isinstance(error, Mapping):
            return refusal(error, response, len(items))
        outcome = by_api_answer(response, taken=answer.get("kind") == KIND and not wrong and not error)
        return refused_whole(outcome, len(items), "BigQuery")


def by_row(told: Sequence[Any], count: int) -> Outcome | Sequence[Outcome]:
    """Of the rows that are named, why; the others were stored. One that is named oddly makes all unknown."""
    named: dict[int, Outcome] = {}
    for one in told:
        index = one.get("index") if isinstance(one, Mapping) else None
        if type(index) is not int or index not in range(count):
            return Unknown("index_missing", "BigQuery refused some rows, and did not say which.")
        if index not in named or isinstance(named[index], Split):
            named[index] = of_row(one.get("errors"))
    if all(isinstance(outcome, Split) for outcome in named.values()):
        named = dict.fromkeys(named, Retry(STOPPED, "BigQuery stopped, and named no row that is wrong."))
    return [named.get(index, Delivered()) for index in range(count)]


def of_row(errors: Any) -> Outcome:
    told = [one for one in errors if isinstance(one, Mapping)] if isinstance(errors, list) else []
    said = next((one for one in told if one.get("reason") != STOPPED), None)
    if said is None:
        return STOPPED_WITH_OTHERS if told else Unknown("no_reason", "BigQuery named this row, and gave no reason.")
    reason, column = code(said.get("reason")) or "refused", text(said.get("location")) or ""
    column = column if COLUMN.fullmatch(column) else ""
    words = f"BigQuery refused {column or 'the row'}: {reason}."
    if reason in FOR_NOW:
        return Retry(reason, words)
    if column in ALWAYS_FINE or NO_ROWS_FAULT.match(str(said.get("message"))):
        return Unauthorized("table_differs", f"{words} Its columns are others than docs/destinations/bigquery.md says.")
    return Rejected(reason, words, column or None)


def refusal(error: Mapping[str, Any], response: Response, count: int) -> Outcome:
    """Of a whole request, nothing of which was stored."""
    reason = reason_of(error) or f"http_{response.status_code}"
    said = f"BigQuery answered {reason} ({response.status_code})."
    if reason in TOO_FAST or response.status_code == 429:
        return Retry(reason, said, rate_limit_after(response) or REST, throttle=True)
    if reason in FOR_NOW:
        return Retry(reason, said, retry_after(response))
    if THE_TABLES_FAULT.search(str(error.get("message"))):
        return Unauthorized(reason, f"{said} {LOOK_AT}")
    outcome = by_api_code(response, reason, said)
    if isinstance(outcome, Unauthorized):
        return Unauthorized(reason, f"{said} {LOOK_AT}")
    return refused_whole(outcome, count, "BigQuery")


def reason_of(error: Mapping[str, Any]) -> str | None:
    """In BigQuery's own words, such as ``notFound``; else in those of all Google's, such as ``NOT_FOUND``."""
    listed = error.get("errors")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    return code(first.get("reason")) or code(error.get("status"))


def code(value: Any) -> str | None:
    return value if isinstance(value, str) and CODE.fullmatch(value) else None


STOPPED_WITH_OTHERS = Split("refused_with_others", "BigQuery stopped at another row of the request.")


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [BigQuery]
