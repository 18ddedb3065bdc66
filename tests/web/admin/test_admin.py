"""Programs do with a token what its scopes name, and nothing else."""

import time
from collections.abc import Callable, Iterator
from io import BytesIO
from unittest import mock

import orjson
import pytest
from flask import Flask
from werkzeug.routing import Rule

from ours import clock
from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.errors import Busy
from ours.services.accept import Why
from ours.services.tokens import SCOPES
from ours.services.visitors import exporting
from tests.refusing import until
from tests.web.admin.conftest import Call

Program = Callable[..., Call]
_SAMPLES = {"event_id": "0" * 32, "dispatch_id": "0" * 32, "visitor_id": "0" * 32}


def _endpoints(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every rule of the API, each of its methods, and a path that fits it."""
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if rule.rule.startswith("/api/admin/"):
                values = {name: _SAMPLES.get(name, 1) for name in rule.arguments}
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    path = adapter.build(rule.endpoint, values, method=method)
                    yield rule, method, path.removeprefix("/api/admin/v1")


@pytest.fixture
def event_id(here: Ours) -> str:
    made = here.sources.add("Shop", actor="cli")
    caller = here.accept.authenticate(made.live_key)
    assert caller
    item = Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id="u1", user_properties={"first_name": "Jane"})
    found = here.accept.accept(caller, [item])[0].event_id
    while here.route.run():
        pass
    return found


def test_every_endpoint_names_its_scope_and_no_token_without_it_passes(app: Flask, program: Program) -> None:
    found = list(_endpoints(app))
    assert len(found) > 20
    for rule, _, _ in found:
        needed = getattr(app.view_functions[rule.endpoint], "needed_scope", None)
        assert needed in SCOPES, rule
    for needed in SCOPES:
        call = program(*(SCOPES.keys() - {needed}))
        for rule, method, path in found:
            if app.view_functions[rule.endpoint].needed_scope == needed:  # type: ignore[attr-defined]
                answer = call(method, path, json={})
                assert (answer.status_code, answer.json["code"]) == (403, "forbidden"), (rule, method)
                assert needed in answer.json["error"]


def test_without_a_good_token_nothing_is_answered(app: Flask, here: Ours) -> None:
    client = app.test_client()
    made, text = here.tokens.add("CI", ["balance:read"], actor="cli")
    assert client.get("/api/admin/v1/balance", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    here.tokens.revoke(made.id, actor="cli")
    for value in (None, "", "Bearer", "Bearer  ", f"Bearer {text}", f"Basic {text}", text, "Bearer ours_" + "a" * 40):
        headers = {"Authorization": value} if value is not None else {}
        answer = client.get("/api/admin/v1/balance", headers=headers)
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_token"), value
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_token_is_no_token(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    call, later = program("balance:read"), clock.now_ms() + 91 * clock.DAY
    assert call("GET", "/balance").status_code == 200
    monkeypatch.setattr(clock, "now_ms", lambda: later)
    assert call("GET", "/balance").status_code == 401


def test_guessing_tokens_is_slowed_down(app: Flask) -> None:
    client = app.test_client()
    wrong = {"Authorization": "Bearer ours_wrong"}
    answers = [client.get("/api/admin/v1/balance", headers=wrong).status_code for _ in range(21)]
    assert answers == [401] * 20 + [429]


def test_a_good_token_passes_whoever_guesses_at_the_same_address(app: Flask, program: Program) -> None:
    """One program whose token has ended must not stop all others behind the same proxy or router."""
    client, call = app.test_client(), program("balance:read")
    for _ in range(21):
        client.get("/api/admin/v1/balance", headers={"Authorization": "Bearer ours_ended"})
    assert call("GET", "/balance").status_code == 200
    assert client.get("/api/admin/v1/balance", headers={"Authorization": "Bearer ours_ended"}).status_code == 429


def test_neither_a_cookie_nor_an_ingest_key_opens_it(app: Flask, here: Ours) -> None:
    key = here.sources.add("Shop", actor="cli").live_key
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "1.1"
    assert client.get("/api/admin/v1/sources").status_code == 401
    assert client.get("/api/admin/v1/sources", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_a_source_is_added_rotated_switched_and_deleted(program: Program, here: Ours) -> None:
    call = program("sources:read", "sources:write")
    made = call("POST", "/sources", json={"name": "Shop"})
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert here.accept.authenticate(made.json["key"])
    path = f"/sources/{made.json['id']}"
    rotated = call("POST", f"{path}/rotate", json={"mode": "live", "overlapSeconds": 0})
    assert here.accept.authenticate(rotated.json["key"])
    assert call("POST", f"{path}/deactivate").json["status"] == "deactivated"
    assert call("POST", f"{path}/activate").json["status"] == "active"
    assert call("DELETE", path).json["status"] == "deleted"
    assert call("GET", "/sources").json == []
    assert made.json["key"] not in call("GET", path).text
    verbs = [(entry.verb, entry.actor[:7]) for entry in here.audit.list(5)]
    assert verbs == [(verb, "token 1") for verb in ("delete", "activate", "deactivate", "rotate", "add")]


def test_a_destination_is_added_changed_paused_and_removed_and_its_secret_never_comes_out(
    program: Program, here: Ours
) -> None:
    call = program("destinations:read", "destinations:write")
    settings = {"url": "https://example.com/hook?api_key=canary-key", "secret": "whsec_" + "Y2FuYXJ5" * 4}
    made = call("POST", "/destinations", json={"type": "webhook", "name": "Hook", "settings": settings, "events": []})
    assert made.status_code == 201
    path = f"/destinations/{made.json['id']}"
    assert call("PATCH", path, json={"events": ["Purchase"]}).json["events"] == ["Purchase"]
    for verb, status in (("pause", "paused"), ("resume", "on"), ("off", "off"), ("on", "on")):
        assert call("POST", f"{path}/{verb}").json["status"] == status
    shown = call("GET", path).text + call("GET", "/destinations").text + made.text
    assert "canary" not in shown
    assert settings["secret"] not in shown
    assert call("DELETE", path).json["status"] == "removed"


def test_what_a_destination_is_still_owed_is_never_stopped_unasked(program: Program, here: Ours) -> None:
    call = program("destinations:read", "destinations:write")
    for name in ("Stopped", "Served"):
        here.destinations.add("webhook", name, {"url": "https://example.com"}, events=["*"], actor="cli")
        path = f"/destinations/{here.destinations.find(name).id}"
        call("POST", f"{path}/pause")
    caller = here.accept.authenticate(here.sources.add("Shop", actor="cli").live_key)
    assert caller
    here.accept.accept(caller, [Incoming(name="Purchase", occurred_at=clock.now_ms(), user_id="u1")])
    while here.route.run():
        pass
    for how in ({}, {"json": {"pending": "deliver-first"}}, {"query_string": {"pending": "later"}}):
        refused = call("DELETE", path, **how)
        assert (refused.status_code, [*refused.json["errors"]]) == (400, ["pending"])
    served = call("DELETE", f"{path}?pending=deliver-first").json
    assert (served["status"], served["leaving"]) == ("on", True)
    path = f"/destinations/{here.destinations.find('Stopped').id}"
    assert call("DELETE", f"{path}?pending=stop").json["status"] == "removed"
    assert call("DELETE", "/destinations/99").status_code == 404


def test_one_header_is_taken_away_and_the_others_stay(program: Program, here: Ours) -> None:
    settings = {"url": "https://example.com", "headers": {"A": "a", "B": "b"}}
    hook = here.destinations.add("webhook", "Hook", settings, events=[], actor="cli")
    call = program("destinations:write")
    shown = call("PATCH", f"/destinations/{hook.id}", json={"settings": {"headers": {"B": None, "C": "c"}}}).json
    assert shown["settings"]["headers"] == {"A": "••••", "C": "••••"}
    assert here.destinations.kept(hook.id)["headers"] == {"A": "a", "C": "c"}


def test_all_that_a_page_can_set_is_set_and_comes_back_as_it_was_sent(program: Program) -> None:
    call = program("destinations:read", "destinations:write", "sources:read", "sources:write", "audit:read")
    shop = call("POST", "/sources", json={"name": "Shop"}).json["id"]
    large = {"condition": {"property": "event.event_properties.value", "operator": "IsGreaterThan", "value": 100}}
    given = {
        "mapping": {"email": {"map": "{{visitor.email}}", "modification": "HashedNormalized"}, "kind": "order"},
        "cases": [{"name": "Large", "enabled": False, "mapping": {"size": "large"}, "logic": large}],
        "sources": [shop],
        "category": "advertising",
        "agreement": "signed",
        "limits": {"max_in_flight": 7, "rate_limit": 2.5, "retry_schedule": [5.0, 60.0], "drain_rate": 1.5},
    }
    settings = {"url": "https://example.com/hook"}
    body = {"type": "webhook", "name": "Hook", "settings": settings, "events": ["*"], "why": "Ticket 7", **given}
    made = call("POST", "/destinations", json=body)
    assert made.status_code == 201, made.json
    path = f"/destinations/{made.json['id']}"
    shown = call("GET", path).json
    assert {name: shown[name] for name in given} == given
    sent_back = {name: shown[name] for name in ("name", "events", "settings", "version", *given)}
    after = shown | {"version": shown["version"] + 1, "updatedAt": mock.ANY}
    assert call("PATCH", path, json=sent_back | {"why": "Again"}).json == after
    assert [entry["detail"]["why"] for entry in call("GET", "/audit?verb=update").json] == ["Again"]


@pytest.mark.parametrize(
    ("change", "place"),
    [({"mapping": {"email": 7}}, "mapping.email"), ({"cases": [{"what": 1}]}, "cases"), ({"sources": [99]}, "sources"),
     ({"sources": ["1"]}, "sources"), ({"category": "toys"}, "category"), ({"agreement": "spoken"}, "agreement"),
     ({"limits": {"rate": 1}}, "limits.rate"), ({"why": 1}, "why")],
)  # fmt: skip
def test_what_can_not_be_set_is_named(program: Program, here: Ours, change: dict[str, object], place: str) -> None:
    hook = here.destinations.add("webhook", "Hook", {"url": "https://example.com"}, events=[], actor="cli")
    answer = program("destinations:write")("PATCH", f"/destinations/{hook.id}", json=change)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid")
    assert place in answer.json["errors"]


def test_a_change_to_a_version_that_is_not_the_newest_is_refused(program: Program) -> None:
    call = program("destinations:read", "destinations:write")
    settings = {"url": "https://example.com/hook"}
    made = call("POST", "/destinations", json={"type": "webhook", "name": "Hook", "settings": settings, "events": []})
    path = f"/destinations/{made.json['id']}"
    assert call("PATCH", path, json={"events": ["One"], "version": 1}).json["version"] == 2
    refused = call("PATCH", path, json={"events": ["Two"], "version": 1})
    assert (refused.status_code, refused.json["code"]) == (409, "changed")
    assert "CI" in refused.json["error"], "who changed it"
    assert call("GET", path).json["events"] == ["One"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "type"), ({"type": "webhook", "name": "x", "settings": {}, "events": "all"}, "events"),
     ({"type": "webhook", "name": "x", "settings": {}, "events": [], "evil": 1}, "evil")],
)  # fmt: skip
def test_every_wrong_field_is_named(program: Program, body: dict[str, object], field: str) -> None:
    answer = program("destinations:write")("POST", "/destinations", json=body)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid")
    assert field in answer.json["errors"]


def test_a_body_that_is_no_object_or_too_large_is_refused(program: Program) -> None:
    call = program("sources:write")
    assert call("POST", "/sources", data=b"[1]").status_code == 400
    assert call("POST", "/sources", data=b"\xff").status_code == 400
    assert call("POST", "/sources", data=b'"' + b"x" * 300_000 + b'"').status_code == 413


def test_events_are_read_and_reading_one_is_written_down(program: Program, here: Ours, event_id: str) -> None:
    call = program("events:read", "balance:read", "audit:read")
    page = call("GET", "/events?limit=1").json
    assert [one["id"] for one in page["events"]] == [event_id]
    assert "Jane" not in str(page)
    assert call("GET", f"/events/{event_id}").json["userProperties"] == {"first_name": "Jane"}
    entry = call("GET", "/audit?verb=read").json[0]
    assert (entry["subject"], entry["actor"]) == (f"event {event_id}", "token 1 (CI)")
    assert call("GET", "/balance").json["difference"] == 0
    assert call("GET", "/events/nothing").json["code"] == "not_found"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/events?visitor=u1", "visitor"),
        ("/events?source=Shop", "source"),
        ("/events?source=99999999999999999999", "source"),
        ("/events?mode=Live", "mode"),
        ("/events?before=1754874909594", "before"),
        ("/events?limit=all", "limit"),
        ("/events?visitors=u1", "visitors"),
        ("/audit?before=1", "before"),
        ("/audit?limit=all", "limit"),
        ("/audit?subjects=event", "subjects"),
    ],
)
def test_a_parameter_that_can_not_be_read_is_not_answered_with_everything(
    program: Program, event_id: str, path: str, field: str
) -> None:
    answer = program("events:read", "audit:read")("GET", path)
    assert (answer.status_code, answer.json["code"], [*answer.json["errors"]]) == (400, "invalid", [field])


def test_what_an_endpoint_does_not_read_is_refused_and_not_passed_over(app: Flask, program: Program) -> None:
    call, found = program(*SCOPES), list(_endpoints(app))
    for rule, method, path in found:
        answer = call(method, f"{path}?canary=1")
        assert (answer.status_code, [*answer.json["errors"]]) == (400, ["canary"]), (rule, method)
        if method != "GET":
            answer = call(method, path, json={"canary": 1})
            assert (answer.status_code, answer.json["code"]) == (400, "invalid"), (rule, method)
            assert "canary" in answer.json["errors"], (rule, method)


def test_a_body_of_unknown_length_is_read_too(program: Program, here: Ours, event_id: str) -> None:
    chunked = {"input_stream": BytesIO(b'{"fresh": true}'), "environ_overrides": {"wsgi.input_terminated": True}}
    answer = program("dispatches:replay")("POST", f"/dispatches/{'0' * 32}/replay", **chunked)
    assert (answer.status_code, [*answer.json["errors"]]) == (400, ["fresh"])


@pytest.mark.parametrize("seconds", [1.5, "60", True, None, -1, 90 * 24 * 3600 + 1])
def test_an_overlap_that_is_no_number_of_seconds_is_named_as_it_was_sent(program: Program, seconds: object) -> None:
    answer = program("sources:write")("POST", "/sources/1/rotate", json={"mode": "live", "overlapSeconds": seconds})
    assert (answer.status_code, [*answer.json["errors"]]) == (400, ["overlapSeconds"])


def test_a_blank_parameter_is_left_out_and_a_limit_is_brought_within_bounds(program: Program, event_id: str) -> None:
    call = program("events:read", "audit:read")
    for limit in ("0", "1", "100000", ""):
        page = call("GET", f"/events?before=&visitor=&source=&mode=live&name=purchase&limit={limit}").json
        assert [one["id"] for one in page["events"]] == [event_id]
    assert len(call("GET", "/audit?limit=0&verb=&before=").json) == 1


def test_a_visitor_is_found_read_exported_and_forgotten(program: Program, event_id: str) -> None:
    call = program("visitors:read", "visitors:export", "visitors:forget")
    (found,) = call("POST", "/visitors/find", json={"identifier": "u1"}).json
    path = f"/visitors/{found['id']}"
    assert call("GET", path).json["properties"] == {"first_name": "Jane"}
    assert call("POST", f"{path}/export").json["events"][0]["id"] == event_id
    receipt = call("POST", f"{path}/forget").json
    assert (receipt["events"], receipt["visitors"], receipt["destinations"], receipt["otherMode"]) == (1, 1, [], [])
    assert receipt["by"].startswith("token 1")
    assert call("GET", path).status_code == 404


def test_a_visitor_of_whom_too_much_is_kept_for_an_answer_is_exported_on_the_server(
    program: Program, event_id: str, here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = program("visitors:read", "visitors:export")
    visitor_id = here.overview.event(event_id).row.visitor_id
    whole = call("POST", f"/visitors/{visitor_id}/export")
    assert whole.data == orjson.dumps(whole.json)
    monkeypatch.setattr(exporting, "LARGEST", len(whole.data) - 1)
    answer = call("POST", f"/visitors/{visitor_id}/export")
    assert (answer.status_code, answer.json["code"]) == (400, "too_large")
    assert f"ours visitor export {visitor_id} --kind visitor --output FILE" in answer.json["error"]


def test_an_export_that_loses_the_database_answers_nothing_of_it(
    program: Program, event_id: str, here: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> list[object]:
        raise Busy("The database can't be read just now.")

    monkeypatch.setattr(exporting, "_events", away)
    visitor_id = here.overview.event(event_id).row.visitor_id
    answer = program("visitors:export")("POST", f"/visitors/{visitor_id}/export")
    assert (answer.status_code, [*answer.json]) == (503, ["error", "code"])


def test_a_dispatch_that_is_not_there_can_not_be_read_or_replayed(program: Program) -> None:
    call = program("events:read", "dispatches:replay")
    assert call("GET", f"/dispatches/{'0' * 32}").status_code == 404
    assert call("POST", f"/dispatches/{'0' * 32}/replay").status_code == 404
    assert call("POST", f"/dispatches/{'0' * 32}/confirm").status_code == 404


def test_the_last_use_of_a_token_is_kept_to_the_minute(program: Program, here: Ours) -> None:
    call = program("balance:read")
    assert here.tokens.list()[0].last_used_at is None
    call("GET", "/balance")
    first = here.tokens.list()[0].last_used_at
    assert first
    time.sleep(0.01)
    call("GET", "/balance")
    assert here.tokens.list()[0].last_used_at == first


def test_a_fault_of_ours_says_nothing_of_its_innards(
    app: Flask, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("canary-4711")

    monkeypatch.setattr("ours.services.overview.Overview.balance", broken)
    answer = program("balance:read")("GET", "/balance")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allowed"),
    [
        ("GET", "/api/admin/v1/nope", 404, "not_found", None),
        ("GET", "/api/admin/v1/sources/abc", 404, "not_found", None),
        ("GET", "/api/admin/v2/balance", 404, "not_found", None),
        ("PUT", "/api/admin/v1/balance", 405, "method_not_allowed", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_address_is_told_as_every_error_is(
    app: Flask, method: str, path: str, status: int, code: str, allowed: str | None
) -> None:
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.content_type, answer.get_json()["code"]) == (status, "application/json", code)
    assert answer.get_json()["error"].endswith(".")
    assert answer.headers.get("Allow") == allowed
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_program_reads_why_what_a_source_sent_was_refused(program: Program, here: Ours) -> None:
    made, path = here.sources.add("Shop", actor="cli"), "/sources/1/refusals"
    call = program("sources:read")
    assert call("GET", path).json == []
    caller = here.accept.authenticate(made.live_key)
    assert caller is not None
    here.accept.refuse(caller, Why("invalid_fields", "email userId", "r1"), 2)
    until(lambda: call("GET", path).text, "r1")
    (found,) = call("GET", path).json
    assert found.pop("lastAt").endswith("Z")
    assert found == {
        "mode": "live", "code": "invalid_fields", "fields": ["email", "userId"], "count": 2, "request": "r1"
    }  # fmt: skip
    assert call("GET", "/sources/99/refusals").status_code == 404
