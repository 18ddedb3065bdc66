"""Many events in one request: one row's fault spoils no other."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ours.web.ingest.schemas import BATCH_ROW

ROOT = Path(__file__).resolve().parents[3]
Post = Callable[..., TestResponse]


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"event": "A", "userId": "u", "distinctId": f"d{number}"} | more


def test_all_good_rows_answer_200_with_a_receipt_each(post: Post, accept: Any) -> None:
    answer = post("batch", events=[row(1), row(2, properties={"a": 1})])
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["success"], body["accepted"], body["failed"]) == (True, 2, 0)
    assert body["results"][1] == {
        "index": 1, "success": True, "eventId": f"{1:032x}", "distinctId": "d2", "duplicate": False, "warnings": [],
    }  # fmt: skip
    assert [item.distinct_id for item in accept.items] == ["d1", "d2"]


def test_a_wrong_row_fails_alone_and_names_its_fields(post: Post, accept: Any) -> None:
    answer = post("batch", events=[row(1), {"event": 5, "email": []}, "x", row(2)])
    assert answer.status_code == 207
    body = answer.get_json()
    assert (body["success"], body["accepted"], body["failed"]) == (True, 2, 2)
    assert [one["success"] for one in body["results"]] == [True, False, False, True]
    wrong = body["results"][1]
    assert wrong["code"] == "invalid_event"
    assert set(wrong["errors"]) == {"event", "email", "distinctId"}
    assert all(path in wrong["message"] for path in wrong["errors"])
    assert (len(accept.items), accept.refused) == (2, 2)


def test_a_row_that_breaks_what_nobody_foresaw_fails_alone(
    post: Post, accept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = accept.accept

    def breaks(caller: Any, items: Any) -> Any:
        if any(item.distinct_id == "d2" for item in items):
            raise TypeError("secret")
        return whole(caller, items)

    monkeypatch.setattr(accept, "accept", breaks)
    answer = post("batch", events=[row(n) for n in range(5)])
    assert answer.status_code == 207
    assert [one["success"] for one in answer.get_json()["results"]] == [True, True, False, True, True]
    wrong = answer.get_json()["results"][2]
    assert (wrong["code"], "logged" in wrong["message"], "secret" in answer.text) == ("invalid_event", True, False)
    assert (len(accept.items), accept.refused) == (4, 1)


def test_a_row_that_can_not_be_read_for_a_reason_nobody_foresaw_fails_alone(
    post: Post, accept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = BATCH_ROW.incoming
    monkeypatch.setattr(BATCH_ROW, "incoming", lambda body, now: read(body, now) if body["event"] == "A" else 1 / 0)
    answer = post("batch", events=[row(1), row(2, event="B"), row(3)])
    assert [one["success"] for one in answer.get_json()["results"]] == [True, False, True]


def test_none_good_is_207_without_success(post: Post, accept: Any) -> None:
    answer = post("batch", events=[{}, None])
    assert (answer.status_code, answer.get_json()["success"], answer.get_json()["accepted"]) == (207, False, 0)
    assert accept.refused == 2


def test_a_row_needs_a_distinct_id(post: Post) -> None:
    answer = post("batch", events=[{"event": "A", "userId": "u"}])
    assert answer.get_json()["results"][0]["errors"] == {"distinctId": ["This field is required."]}


def test_a_rows_own_token_is_ignored(post: Post) -> None:
    answer = post("batch", events=[row(token="another"), row(2, token=5)])
    assert answer.status_code == 200
    assert [one["warnings"] for one in answer.get_json()["results"]] == [[], []]


def test_a_duplicate_counts_as_accepted_within_a_batch_too(post: Post) -> None:
    body = post("batch", events=[row(), row(), row(eventProperties={"a": 1})]).get_json()
    assert body["accepted"] == 3
    assert [one["duplicate"] for one in body["results"]] == [False, True, True]
    assert len({one["eventId"] for one in body["results"]}) == 1
    assert body["results"][2]["warnings"][0]["code"] == "duplicate_differs"


def test_a_rows_warnings_are_its_own(post: Post) -> None:
    body = post("batch", events=[row(1, colour="red"), row(2)], colour="red").get_json()
    assert [[one["field"] for one in result["warnings"]] for result in body["results"]] == [["colour"], []]
    assert [one["field"] for one in body["warnings"]] == ["colour"]


@pytest.mark.parametrize("given", [{}, {"events": []}, {"events": None}, {"events": {"0": {}}}, {"events": "x"}])
def test_no_rows_is_a_400(post: Post, accept: Any, given: dict[str, Any]) -> None:
    answer = post("batch", **given)
    assert (answer.status_code, set(answer.get_json()["errors"])) == (400, {"events"})
    assert accept.refused == 1


def test_too_many_rows_is_a_413_with_the_limit(post: Post, accept: Any) -> None:
    assert post("batch", events=[row(n) for n in range(5)]).status_code == 200
    answer = post("batch", events=[row(n) for n in range(6)])
    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["limit"]) == (413, "too_many_rows", 5)
    assert accept.refused == 1


def test_when_nothing_can_be_stored_every_row_says_so(post: Post, accept: Any) -> None:
    accept.busy = True
    answer = post("batch", events=[row(), {}])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    body = answer.get_json()
    assert (body["success"], body["code"], body["accepted"], body["failed"]) == (False, "unavailable", 0, 2)
    assert [one["code"] for one in body["results"]] == ["queue_failed", "invalid_event"]
    assert accept.refused == 0


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("kind", "answer"), [("refused", "207"), ("taken", "200")])
def test_a_body_of_5_mib_costs_less_than_100_mib(tmp_path: Path, kind: str, answer: str) -> None:
    command = [sys.executable, "-m", "tests.web.ingest.weigh", str(tmp_path), kind]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    status, mebibytes = run.stdout.split()
    assert status == answer
    assert 5 < float(mebibytes) < 100
