"""``/batch``: many events in one request, where one row's fault spoils no other."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask import Response, request

from ours import clock, log
from ours.core.incoming import Incoming
from ours.errors import Busy, Invalid
from ours.web import request_id
from ours.web.current import ours
from ours.web.ingest import telling
from ours.web.ingest.answers import Refusal, answer, listed, unavailable
from ours.web.ingest.schemas import BATCH_BODY, BATCH_ROW

if TYPE_CHECKING:
    from ours.services.accept import Caller, Receipt

Row = Incoming | Invalid
Result = dict[str, Any]


def take(caller: "Caller", body: dict[str, Any]) -> Response:
    """200 when every row was taken, 207 when some or none, 503 when nothing could be made durable."""
    now = clock.now_ms()
    values, notices = BATCH_BODY.read(body, now)
    _check_count(values["events"])
    rows = [_read(row, now) for row in values["events"]]
    good = [row for row in rows if isinstance(row, Incoming)]
    try:
        kept = _keep(caller, good) if good else []
    except Busy as problem:
        return _unavailable(caller, rows, problem)
    results = [*_results(rows, iter(kept))]
    accepted = sum(result["success"] for result in results)
    failed = len(rows) - accepted
    if failed:
        whys = [telling.why(row["code"], row.get("errors")) for row in results if not row["success"]]
        for why, count in Counter(whys).items():
            ours().accept.refuse(caller, why, count)
        telling.rows_refused(caller.source_id, failed)
    said = _summary(accepted, results)
    if warnings := notices.all():
        said["warnings"] = listed(warnings)
    return answer(said, 207 if failed else 200)


def _check_count(rows: Sequence[Any]) -> None:
    most = ours().settings.max_batch_rows
    if len(rows) > most:
        raise Refusal("too_many_rows", f"The batch has {len(rows):,} rows; {most:,} may be sent at once.", limit=most)


def _read(row: Any, now: int) -> Row:
    if not isinstance(row, dict):
        return Invalid("The row must be an object.")
    try:
        return BATCH_ROW.incoming(row, now)
    except Invalid as problem:
        return problem
    except Exception as error:  # noqa: BLE001 - whatever it was, it is this row's alone
        return _broken(error)


def _keep(caller: "Caller", rows: Sequence[Incoming]) -> "list[Receipt | Invalid]":
    """What became of each. Where one of them breaks something, the halves are tried by themselves."""
    accept = ours().accept
    try:
        return [*accept.accept(caller, rows)]
    except Busy:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        if len(rows) == 1:
            return [_broken(error)]
        half = len(rows) // 2
        return _keep(caller, rows[:half]) + _keep(caller, rows[half:])


def _broken(error: Exception) -> Invalid:
    log.get("web.ingest").error("a row failed", request=request_id.of(request.environ), exc_info=error)
    return Invalid("This row caused an internal error, which was logged. The other rows are not affected.")


def _results(rows: Sequence[Row], kept: "Iterator[Receipt | Invalid]") -> Iterator[Result]:
    for index, row in enumerate(rows):
        if isinstance(row, Incoming):
            became = next(kept)
            yield _failed(index, became) if isinstance(became, Invalid) else _taken(index, row, became)
        else:
            yield _failed(index, row)


def _taken(index: int, row: Incoming, receipt: "Receipt") -> Result:
    return {
        "index": index,
        "success": True,
        "eventId": receipt.event_id,
        "distinctId": receipt.distinct_id,
        "duplicate": receipt.duplicate,
        "warnings": listed(row.warnings, receipt.differs),
    }


def _failed(index: int, problem: Invalid) -> Result:
    result = {"index": index, "success": False, "code": "invalid_event", "message": str(problem)}
    return result | {"errors": problem.errors} if problem.errors else result


def _summary(accepted: int, results: list[Result]) -> Result:
    return {"success": accepted > 0, "accepted": accepted, "failed": len(results) - accepted, "results": results}


def _unavailable(caller: "Caller", rows: Sequence[Row], problem: Busy) -> Response:
    request.environ[telling.SOURCE] = caller.source_id
    telling.refused(unavailable(problem))
    results = [
        _failed(index, row)
        if isinstance(row, Invalid)
        else {"index": index, "success": False, "code": "queue_failed", "message": problem.sentence}
        for index, row in enumerate(rows)
    ]
    said = _summary(0, results) | {"error": problem.sentence, "code": "unavailable"}
    return answer(said, 503, {"Retry-After": str(problem.retry_after)})
