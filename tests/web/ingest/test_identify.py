"""A visitor over the wire: created or updated, and no event fired."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ours.web.ingest import examples

Post = Callable[..., TestResponse]


def test_an_identify_is_taken_and_says_nothing_more(post: Post, accept: Any) -> None:
    answer = post("identify", userId="u1", userProperties={"first_name": "Ann", "city": None})
    assert (answer.status_code, answer.get_json()) == (200, {"success": True})
    [item] = accept.items
    assert (item.kind, item.name, item.distinct_id) == ("identify", "$identify", None)
    assert item.user_properties == {"first_name": "Ann", "city": None}


def test_the_vendors_own_example_loses_nothing(post: Post, accept: Any) -> None:
    facts = {"email": "a@b.co", "firstName": "John", "lastName": "Doe", "plan": "premium"}
    answer = post("identify", userId="user123", userProperties=facts)
    assert accept.items[0].user_properties == {
        "email": "a@b.co",
        "first_name": "John",
        "last_name": "Doe",
        "custom_properties": {"plan": "premium"},
    }
    assert [one["code"] for one in answer.get_json()["warnings"]] == ["renamed", "renamed", "moved"]


@pytest.mark.parametrize("given", [{}, {"userProperties": None}, {"userProperties": "Ann"}, {"userProperties": []}])
def test_user_properties_must_be_an_object(post: Post, given: dict[str, Any]) -> None:
    assert "userProperties" in post("identify", userId="u", **given).get_json()["errors"]


def test_somebody_must_be_named(post: Post) -> None:
    errors = post("identify", userProperties={"city": "Oslo"}).get_json()["errors"]
    assert set(errors) == {"userId", "externalId", "email"}


def test_what_belongs_to_an_event_is_ignored_with_a_warning(post: Post) -> None:
    answer = post("identify", userId="u", userProperties={}, event="A", time=1, distinctId="d", eventProperties={})
    assert {one["field"] for one in answer.get_json()["warnings"]} == {"event", "time", "distinctId", "eventProperties"}


@pytest.mark.parametrize("body", examples.IDENTIFY.values(), ids=examples.IDENTIFY)
def test_the_published_examples_are_taken_without_a_warning(post: Post, body: dict[str, Any]) -> None:
    answer = post("identify", **body | {"token": "live-key"})
    assert answer.get_json() == examples.TAKEN["identify"]
