"""What comes back on bad days, to all destinations: only a yes is a yes, and only an event's own fault a no."""

import gzip
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ours.cli import double as doubles
from ours.core.reasons import tidy
from ours.plugin import Delivered, Destination, Outcome, Rejected, Response, Skipped, Split, Unauthorized, Unknown
from ours.plugin.testing.exchange import answer
from ours.registry import load_built_in

BUILT_IN = {one.slug: one.plugin for one in load_built_in().loaded}
VENDORS = sorted(set(doubles.names()) - {"webhook"})
SAYS_NOTHING = {"ga4"}
"""Answers 2xx to whatever comes, with nothing in it."""
SPEAKS_PLAIN = {"ga4", "posthog", "rudderstack", "segment"}
"""Their words for a no may be any text."""

COUNT = 3
YES: dict[str, Any] = {
    "amplitude": {"code": 200, "events_ingested": COUNT},
    "bigquery": {"kind": "bigquery#tableDataInsertAllResponse"},
    "braze": {"message": "success", "events_processed": COUNT},
    "customerio": {},
    "google_data_manager": {"requestId": "r-1"},
    "hubspot": {"status": "COMPLETE", "results": [{}] * COUNT},
    "iterable": {"successCount": COUNT, "failCount": 0},
    "klaviyo": {"data": {"type": "profile", "id": "01GDDKASAP8TKDDA2GRZDSVP4H"}},
    "linkedin": {"elements": [{"status": 201}] * COUNT},
    "meta": {"events_received": COUNT, "messages": [], "fbtrace_id": "A"},
    "microsoft_uet": {"eventsReceived": COUNT},
    "mixpanel": {"code": 200, "num_records_imported": COUNT, "status": "OK"},
    "pinterest": {"num_events_processed": COUNT, "events": [{"status": "processed"}] * COUNT},
    "posthog": {"status": "Ok"},
    "reddit": {"data": {"message": f"Successfully processed {COUNT} conversion events."}},
    "pubsub": {"messageIds": ["7"] * COUNT},
    "rudderstack": "OK",
    "segment": {"success": True},
    "snapchat": {"status": "VALID", "reason": "Events have been processed successfully."},
    "tiktok": {"code": 0, "message": "OK", "request_id": "1"},
}
WHO = "jane@example.com"
PAGES = [
    b"<html>", b"\xef\xbb\xbf<html>", b"<!-- a proxy's --><!doctype html>", b'<?xml version="1.0"?>\n<!DOCTYPE html>',
    b"<head><title>Sign in</title>", b"<!--" * 20_000, b"<!-- -->" * 5_000,
]  # fmt: skip
NO_OBJECTS = [b"null", b"[]", b"0", b"1", b'"ok"', b"OK", b"{", b"\xff\xfe", b"\x1f\x8b", gzip.compress(b'{"code": 0}')]
ERRORS = [
    {"error": WHO}, {"error": {"code": 100, "message": WHO, "details": [{"reason": "BAD"}]}}, {"errors": [WHO]},
    {"status": 0}, {"status": "error", "message": WHO}, {"code": 40002, "message": WHO}, {"code": False},
    {"code": "0"}, {"success": False}, {"data": {"code": 0}}, {"events_received": 0}, {"events_received": "3"},
    {"error": {"details": [{"index": 0, "errorCode": "Bad", "propertyName": WHO}]}, "traceId": "t"},
    {"elements": [{"status": 201}]}, {"events": [{"status": "processed"}] * 9},
    {"elements": [{"status": True}] * COUNT},
]  # fmt: skip
OURS_TO_MEND = [301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 407, 410, 421]
PASSES = [408, 425, 429, 500, 501, 502, 503, 504, 507, 511, *range(520, 531), 598, 599, 600, 999]
NOS = [b"", b"<html><h1>Error</h1></html>", *(json.dumps(one).encode() for one in ERRORS[:6])]
ODD_INDICES: list[list[Any]] = [[99], [-1], [0, 0], ["0"], [None], [[]], [{}], [0.5], [10**30], [0, 1, 2, 0, 1, 2, 3]]


def outcomes(plugin: Destination, response: Response, count: int = COUNT) -> list[Outcome]:
    if plugin.batching is None:
        return [plugin.read(response)]
    said = plugin.read_batch(response, [{}] * count)
    return [said] * count if isinstance(said, Outcome) else list(said)


def told(indices: list[Any]) -> bytes:
    """Who is to blame, as each vendor would say it."""
    return json.dumps({
        "failed_records": [{"index": one, "message": WHO, "field": "f"} for one in indices],
        "errors": [{"batch_index": one, "message": WHO, "reason": "invalid", "field": "f"} for one in indices],
        "insertErrors": [{"index": one, "errors": [{"reason": "invalid", "message": WHO}]} for one in indices],
        "events_with_invalid_fields": {"time": indices}, "silenced_events": indices, "throttled_events": indices,
        "error": {"message": WHO, "fields": [{"field": f"$.data.events[{one}].x", "message": WHO} for one in indices],
                  "details": [
            *({"index": one, "errorCode": "E", "propertyName": "p"} for one in indices),
            {"fieldViolations": [{"field": f"events[{one}].x", "reason": "BAD"} for one in indices]}]},
        "message": " ".join(f"Index: {one}, ERROR :: /a/b Batch.{one}.x: {WHO}" for one in indices), "code": 40002,
    }).encode()  # fmt: skip


def all_answers() -> Iterator[Response]:
    bodies = [b"", *PAGES, *NO_OBJECTS, *(json.dumps(one).encode() for one in [*ERRORS, *YES.values()])]
    bodies += [told(indices) for indices in ODD_INDICES]
    statuses = [200, 202, 204, 207, 302, 400, 403, 422, 429, 503, 999]
    kinds = ["application/json", "text/html; charset=undefined", "application/json; charset=idna"]
    for status, body, kind in itertools.product(statuses, bodies, kinds):
        yield answer(status, body, {"Content-Type": kind, "Retry-After": "NaN", "X-RateLimit-Reset": "1e400"})


OTHER_YES: list[tuple[str, int, bytes]] = [
    ("bigquery", 200, b'{"kind": "bigquery#tableDataInsertAllResponse", "insertErrors": []}'),
    ("braze", 200, b'{"message": "success"}'),
    ("braze", 201, b'{"message": "success", "events_processed": 1, "errors": []}'),
    ("braze", 202, b'{"message": "queued"}'),
    ("customerio", 200, b""),
    ("google_data_manager", 200, b"{}"),
    ("klaviyo", 202, b""),
    ("hubspot", 200, b'{"status": "COMPLETE", "results": [{"id": "1", "new": true}]}'),
    ("iterable", 200, b'{"successCount": 1, "failCount": 0, "failedUpdates": {}, "disallowedEventNames": []}'),
    ("linkedin", 200, b'{"elements": [{"status": 201, "id": "", "location": "/conversionEvents/"}]}'),
    ("microsoft_uet", 200, b'{"eventsReceived": 1, "traceId": "t"}'),
    ("mixpanel", 200, b'{"code": 200, "status": "Ok", "num_records_imported": 1}'),
    ("mixpanel", 200, b'{"error": null, "status": 1}'),
    ("mixpanel", 200, b"1"),
    ("pinterest", 200, b'{"num_events_received": 1, "num_events_processed": 1}'),
    ("posthog", 200, b'{"status": 1}'),
    ("posthog", 204, b""),
    ("reddit", 200, b'{"data": {"message": "Successfully processed 1 conversion events.", "invalid_events": []}}'),
    ("rudderstack", 200, b"OK"),
    ("snapchat", 200, b'{"status": "VALID", "test_event": true, "event_logs": []}'),
    ("tiktok", 200, b'{"code": 0, "message": "OK", "data": {}}'),
]
"""As their docs, their source or those who send them a lot have it, too."""


@pytest.mark.parametrize("slug", sorted(YES))
def test_a_yes_is_delivered(slug: str) -> None:
    said = outcomes(BUILT_IN[slug], answer(200, json.dumps(YES[slug]).encode()))
    assert {type(one) for one in said} == {Delivered}


@pytest.mark.parametrize(("slug", "status", "body"), OTHER_YES, ids=str)
def test_a_yes_in_other_words_is_delivered(slug: str, status: int, body: bytes) -> None:
    said = outcomes(BUILT_IN[slug], answer(status, body), 1)
    assert {type(one) for one in said} == {Delivered}


def test_each_vendor_says_yes_in_its_own_words() -> None:
    assert sorted({*YES, *SAYS_NOTHING}) == VENDORS


@pytest.mark.parametrize("slug", sorted(YES))
@pytest.mark.parametrize("status", [200, 201, 202, 206, 207])
def test_a_2xx_that_is_not_the_vendors_yes_delivers_nothing(slug: str, status: int) -> None:
    """A gateway, a captive portal, a proxy: the status is anybody's."""
    own = {("mixpanel", b"1"), ("rudderstack", b"OK")}
    bodies = [one for one in [*PAGES, *NO_OBJECTS] if (slug, one) not in own]
    if slug != "customerio":  # whose yes is an empty object
        bodies += [b"", *(json.dumps(one).encode() for one in ERRORS)]
    if (slug, status) == ("klaviyo", 202):  # which says so of an event, with nothing in it
        bodies.remove(b"")
    for body in bodies:
        said = outcomes(BUILT_IN[slug], answer(status, body))
        assert not any(isinstance(one, Delivered) for one in said), (body[:100], said)


@pytest.mark.parametrize("slug", VENDORS)
@pytest.mark.parametrize("page", PAGES[:5])
def test_a_web_page_is_no_ones_yes(slug: str, page: bytes) -> None:
    said = outcomes(BUILT_IN[slug], answer(200, page))
    assert not any(isinstance(one, Delivered | Rejected) for one in said)


@pytest.mark.parametrize("slug", VENDORS)
def test_no_answer_but_a_2xx_delivers_unless_it_tells_of_each(slug: str) -> None:
    telling = {"mixpanel": 400, "pinterest": 422}.get(slug)
    bodies = [b"", b"{}", *map(told, ODD_INDICES), json.dumps(YES.get(slug, {})).encode()]
    for status, body in itertools.product([*OURS_TO_MEND, *PASSES, 400, 409, 413, 422], bodies):
        said = outcomes(BUILT_IN[slug], answer(status, body))
        assert status == telling or not any(isinstance(one, Delivered) for one in said), (status, body)


@pytest.mark.parametrize("slug", VENDORS)
def test_what_is_no_events_fault_rejects_no_event(slug: str) -> None:
    for status, body in itertools.product([*OURS_TO_MEND, *PASSES], NOS):
        said = outcomes(BUILT_IN[slug], answer(status, body)) + outcomes(BUILT_IN[slug], answer(status, body), 1)
        assert not any(isinstance(one, Rejected) for one in said), (status, body, said)


@pytest.mark.parametrize("slug", VENDORS)
def test_a_no_that_is_not_in_the_vendors_words_rejects_no_event(slug: str) -> None:
    """A proxy, a captive portal, a firewall, a server that speaks TLS where plain text came."""
    no_words = [] if slug in SPEAKS_PLAIN else [b"", b"Bad Request", b"upstream connect error"]
    for status, body, count in itertools.product([400, 406, 409, 415, 422, 431, 451], [*PAGES[:5], *no_words], [1, 3]):
        said = outcomes(BUILT_IN[slug], answer(status, body), count)
        assert {type(one) for one in said} == {Unauthorized}, (status, body, count)


@pytest.mark.parametrize("slug", VENDORS)
@pytest.mark.parametrize("body", [b"", b"<html><h1>413 Request Entity Too Large</h1>"])
def test_what_is_too_large_for_a_proxy_is_no_wrong_address(slug: str, body: bytes) -> None:
    for count in (1, 3):
        said = outcomes(BUILT_IN[slug], answer(413, body), count)
        assert {type(one) for one in said} <= {Rejected, Split}


@pytest.mark.parametrize("slug", [slug for slug in VENDORS if BUILT_IN[slug].batching])
def test_a_400_that_names_nobody_rejects_nobody_of_many(slug: str) -> None:
    """Or a proxy's page, for one event that it does not like, would cost all that travelled with it."""
    plugin = BUILT_IN[slug]
    for body in [b"", b"<html><h1>400 Bad Request</h1></html>", b"{}"]:
        said = outcomes(plugin, answer(400, body))
        splits = plugin.batching is not None and plugin.batching.atomic
        assert all(isinstance(one, Split | Unknown | Unauthorized) or splits for one in said), (body, said)


@pytest.mark.parametrize("slug", VENDORS)
@pytest.mark.parametrize("indices", ODD_INDICES, ids=str)
def test_whoever_is_blamed_oddly_nobody_is_taken_for_delivered_that_was_named(slug: str, indices: list[Any]) -> None:
    plugin, named = BUILT_IN[slug], [one for one in indices if type(one) is int and one in range(COUNT)]
    for status in (200, 207, 400, 422):
        if slug in SAYS_NOTHING:
            continue
        said = outcomes(plugin, answer(status, told(indices)))
        assert len(said) == (COUNT if plugin.batching else 1)
        assert not all(isinstance(one, Delivered) for one in said), (status, said)
        assert not any(isinstance(said[one], Delivered) for one in named if one < len(said)), (status, said)


@pytest.mark.parametrize("slug", [*VENDORS, "webhook"])
def test_whatever_comes_is_read_and_no_code_names_anybody(slug: str) -> None:
    for response in all_answers():
        for one in outcomes(BUILT_IN[slug], response):
            code = one.reason if isinstance(one, Skipped) else getattr(one, "code", "")
            assert "jane" not in tidy(code)
