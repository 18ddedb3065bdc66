"""A secret shows nowhere; the shape that systems of one's own are sent is stable."""

import copy
import dataclasses
import json
import pickle
import traceback

import pytest
from hypothesis import given, strategies

from ours import clock
from ours.plugin import Delivery, Duplicate, SecretValue, envelope, iso, to_json
from ours.plugin.testing import sample_delivery

SECRET = SecretValue("tok-123456")


def test_a_secret_shows_in_no_kind_of_text() -> None:
    delivery = sample_delivery(settings={"token": SECRET})
    shown = f"{SECRET} {SECRET!r} {SECRET!s:>20} {delivery} %s {json.dumps({'a': str(SECRET)})}" % SECRET
    assert "tok-123456" not in shown
    assert SECRET.reveal() == "tok-123456"


def test_a_secret_shows_in_no_traceback() -> None:
    assert "tok-123456" not in "".join(traceback.format_exception(ValueError(SECRET)))


@pytest.mark.parametrize("leave", [pickle.dumps, copy.deepcopy, json.dumps], ids=["pickle", "copy", "json"])
def test_a_secret_leaves_the_process_only_when_revealed(leave: object) -> None:
    with pytest.raises(TypeError):
        leave(SECRET)  # type: ignore[operator]


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert SecretValue("a") == SecretValue("a") != SecretValue("b")
    assert SecretValue("a") != "a"
    assert len({SecretValue("a"), SecretValue("a")}) == 1


def test_what_a_plugin_is_handed_and_concludes_is_frozen() -> None:
    for value in (sample_delivery(), sample_delivery().event, Duplicate()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, "other")


def test_the_envelope_holds_the_event_and_what_the_mapping_lets_out() -> None:
    delivery: Delivery = sample_delivery("minimal", fields={"a": 1})
    assert envelope(delivery) == {"type": "Pinged", "timestamp": iso(delivery.event.occurred_at), "data": {"a": 1}}


@given(strategies.integers(0, 4_102_444_800_000))
def test_a_moment_reads_as_the_house_writes_it(moment: int) -> None:
    assert iso(moment) == clock.iso(moment)


def test_json_is_compact_utf8_without_nan() -> None:
    assert to_json({"b": "Zoë", "a": [1, None]}) == '{"b":"Zoë","a":[1,null]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))
