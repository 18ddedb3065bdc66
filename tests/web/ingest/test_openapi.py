"""The published document says what the schemas do, and its examples are true."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ours.core.catalogues import DEFAULT_PROPERTIES, USER_PROPERTIES
from ours.core.notices import WARNINGS
from ours.web.ingest import examples
from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS
from ours.web.ingest.schemas import BATCH_ROW, IDENTIFY_BODY, TRACK_BODY

Post = Callable[..., TestResponse]
DOORS = ["track", "identify", "batch"]


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    for slash in ("", "/"):
        answer = client.get(f"/api/v1/openapi{slash}")
        assert (answer.status_code, answer.content_type) == (200, "application/json")
    read: dict[str, Any] = answer.get_json()
    return read


def walk(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from walk(inner)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = [part["$ref"] for part in walk(document) if "$ref" in part]
    assert len(references) > 20
    for reference in references:
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_each_door_tells_every_status_it_can_answer(document: dict[str, Any]) -> None:
    refusals = {str(problem.status) for code, problem in PROBLEMS.items() if code != "not_found"}
    for door in DOORS:
        responses = document["paths"][f"/{door}"]["post"]["responses"]
        assert set(responses) == refusals | {"200"} | ({"207"} if door == "batch" else set())


def test_each_code_is_told_with_its_status_and_meaning(document: dict[str, Any]) -> None:
    for code, problem in PROBLEMS.items():
        if code != "not_found":
            response = document["components"]["responses"][f"Error{problem.status}"]
            assert f"`{code}`: {problem.meaning}" in response["description"]
            assert response["content"]["application/json"]["examples"][code]["value"]["code"] == code
    schemas = document["components"]["schemas"]
    for name, codes in (("Warning", WARNINGS), ("RowAnswer", ROW_PROBLEMS), ("Error", PROBLEMS)):
        assert schemas[name]["properties"]["code"]["x-extensible-enum"] == [*codes]


@pytest.mark.parametrize(("name", "schema"), [("Track", TRACK_BODY), ("Identify", IDENTIFY_BODY), ("Row", BATCH_ROW)])
def test_the_fields_are_those_that_validate(document: dict[str, Any], name: str, schema: Any) -> None:
    shape = document["components"]["schemas"][name]
    assert set(shape["properties"]) == schema.names
    assert set(shape["required"]) == {field.data_key for field in schema.fields.values() if field.required}
    assert all(part["description"] for part in shape["properties"].values())


def test_the_catalogues_are_told_in_full(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["UserProperties"]["properties"]) == set(USER_PROPERTIES)
    assert set(schemas["DefaultProperties"]["properties"]) == set(DEFAULT_PROPERTIES)
    assert schemas["UserProperties"]["properties"]["city"] == {
        "type": ["string", "null"],
        "maxLength": 2000,
        "description": "A number is read as text.",
    }
    assert schemas["IdentityContext"]["required"] == ["ip", "userAgent"]


def test_programs_that_make_clients_of_it_find_fields_of_one_type_each(document: dict[str, Any]) -> None:
    """What they do otherwise, seen with openapi-generator 7.26: an ``anyOf`` beside the fields of a body takes their
    place, a field of two types becomes a class without content, a number without a format is a float32 in Go, and a
    code or a field that is new one day makes an answer unreadable, unless it is said that there may be more."""
    for part in walk(document["components"]["schemas"]):
        assert "oneOf" not in part
        assert part.get("anyOf", [{"type": "null"}])[-1] == {"type": "null"}
        kinds = part["type"] if isinstance(part.get("type"), list | str) else []
        assert isinstance(kinds, str) or len({*kinds} - {"null"}) <= 1
        assert "number" not in kinds or part["format"] == "double"
        assert not {"enum", "const"} & part.keys()
        assert part.get("type") != "object" or part["additionalProperties"]
    assert document["components"]["schemas"]["Track"]["properties"]["time"]["format"] == "int64"


def test_what_its_types_do_not_tell_is_told_in_words(document: dict[str, Any]) -> None:
    """Where a client that is made of it shows it: at the body, the field and the answer."""
    schemas = document["components"]["schemas"]
    for body in ("Track", "Identify", "Row"):
        assert "At least one of `userId`, `externalId` and `email` must be there" in schemas[body]["description"]
    assert "At least one" not in schemas["Batch"]["description"]
    assert "older counts as 7 days ago" in schemas["Track"]["properties"]["time"]["description"]
    assert schemas["RowAnswer"]["description"].endswith("`errors`, the last where fields are wrong.")


def test_the_limits_are_this_installations(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Batch"]["properties"]["events"]["maxItems"] == 5
    assert "5 rows" in document["info"]["description"]


@pytest.mark.parametrize(
    ("door", "body"),
    [("track", body) for body in examples.TRACK.values()] + [("batch", body) for body in examples.BATCH.values()],
)
def test_the_published_bodies_are_taken(post: Post, door: str, body: dict[str, Any]) -> None:
    answer = post(door, **body | {"token": "live-key"})
    assert answer.status_code == 200
    assert set(examples.TAKEN[door]) <= set(answer.get_json())


def test_the_published_answers_are_what_is_answered(post: Post) -> None:
    named = {"userId": "u", "distinctId": "order-1001"}
    answers = {
        "track": post("track", event="Other", **named).get_json(),
        "batch": post("batch", events=[{"event": "A", **named}, {"event": "A", "userId": "u"}]).get_json(),
    }
    assert answers["track"] | {"eventId": ""} == examples.TAKEN["track"] | {"eventId": ""}
    assert answers["batch"]["results"][1] == examples.PARTLY_TAKEN["results"][1]
    assert answers["batch"]["results"][0] | {"eventId": ""} == examples.PARTLY_TAKEN["results"][0] | {"eventId": ""}
