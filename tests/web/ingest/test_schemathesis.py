"""The published document is valid, and what it says is what happens: machine-made requests find no difference.

schemathesis makes bodies that fit the document, and bodies that don't, and checks each answer: no 5xx, no status,
header or shape that is not written down, none refused that fits, none taken that doesn't.

The document says some things in words alone, so that programs can make clients of it: here they are put in.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, assume, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from ours.bootstrap import Ours
from ours.core.catalogues import DEFAULT_PROPERTIES, USER_PROPERTIES
from ours.settings import Settings
from ours.web import create_app
from ours.web.ingest.schemas import NAMERS

CALM = settings(deadline=None, database=None, suppress_health_check=[*HealthCheck], phases=[Phase.generate])


@pytest.fixture
def installed(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Ours]:
    make_database_url("sqlite")
    opened = Ours(make_settings(max_batch_rows=5))
    yield opened
    opened.close()


@pytest.fixture
def served(installed: Ours) -> Flask:
    return create_app(installed)


@pytest.fixture
def key(installed: Ours) -> str:
    return installed.sources.add("Shop", actor="cli").live_key


@pytest.fixture
def schema(served: Flask) -> Any:
    document = served.test_client().get("/api/v1/openapi").get_json()
    say_it_all(document["components"]["schemas"])
    found = schemathesis.openapi.from_dict(document)
    found.app = served
    found.config.generation.allow_x00 = False  # refused on principle, which JSON Schema has no word for
    return found


def say_it_all(schemas: dict[str, Any]) -> None:
    """What the document says in words, as JSON Schema."""
    for door in ("Track", "Identify"):  # not Row: a batch with rows that name nobody is a good request
        schemas[door]["anyOf"] = somebody(schemas[door]["properties"]["externalId"]["not"])
    for name, catalogue in (("UserProperties", USER_PROPERTIES), ("DefaultProperties", DEFAULT_PROPERTIES)):
        for field, known in catalogue.items():
            shape = schemas[name]["properties"][field]
            if known.coerce:
                shape["type"] += ["number"] if known.names else ["number", "boolean"]
            elif known.kind not in {"text", "any"}:
                schemas[name]["properties"][field] = {"anyOf": [shape, {"const": ""}]}
    for body in ("Track", "Row"):
        schemas[body]["properties"]["time"] = {}
        schemas[body]["properties"]["distinctId"]["type"] += ["number"]
    for body in ("Track", "Row", "Identify"):
        schemas[body]["properties"]["externalId"]["type"] += ["number"]
    say_all_of_answers(schemas)


def say_all_of_answers(schemas: dict[str, Any]) -> None:
    for answer in ("TrackAnswer", "IdentifyAnswer", "BatchAnswer", "RowAnswer", "Warning"):
        schemas[answer]["additionalProperties"] = False
    for name, successes in (("TrackAnswer", [True]), ("IdentifyAnswer", [True]), ("Error", [False])):
        schemas[name]["properties"]["success"]["enum"] = successes
    for name in ("Warning", "RowAnswer", "Error"):
        code = schemas[name]["properties"]["code"]
        code["enum"] = code["x-extensible-enum"]
    taken, refused = ["eventId", "distinctId", "duplicate", "warnings"], ["code", "message"]
    schemas["RowAnswer"]["if"] = {"properties": {"success": {"const": True}}}
    schemas["RowAnswer"]["then"] = {"required": taken, "properties": dict.fromkeys((*refused, "errors"), False)}
    schemas["RowAnswer"]["else"] = {"required": refused, "properties": dict.fromkeys(taken, False)}


def somebody(no_id: dict[str, Any]) -> list[dict[str, Any]]:
    """One of the identifiers must be there, be it inside ``userProperties``."""

    def having(name: str, shape: dict[str, Any]) -> dict[str, Any]:
        return {"required": [name], "properties": {name: shape}}

    said = {"type": ["string", "number"], "pattern": r"\S", "not": no_id}
    phone = {"type": "string", "pattern": r"^\+?[1-9][0-9]{6,14}$"}
    email = {"type": "string", "pattern": r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$"}
    facts = {"email": email, "external_id": said, "phone_number": phone}
    inside = [having("userProperties", {"type": "object"} | having(*fact)) for fact in facts.items()]
    return [*(having(name, said) for name in NAMERS), *inside]


def has_blank_ends(value: Any) -> bool:
    """Whether a text in it begins or ends with a blank."""
    if isinstance(value, dict | list):
        return any(map(has_blank_ends, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and value.strip() != value


def test_the_document_is_valid_openapi(served: Flask) -> None:
    document = served.test_client().get("/api/v1/openapi").get_json()
    assert document["openapi"] == "3.1.0"
    assert [*OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("door", "mode", "count", "statuses"),
    [
        ("track", GenerationMode.POSITIVE, 15, {200}),
        ("identify", GenerationMode.POSITIVE, 15, {200}),
        ("batch", GenerationMode.POSITIVE, 15, {200, 207}),
        ("track", GenerationMode.NEGATIVE, 6, {400}),
        ("identify", GenerationMode.NEGATIVE, 6, {400}),
        # Too many rows are 413; where all that is wrong is a blank at an end, it is right.
        ("batch", GenerationMode.NEGATIVE, 6, {200, 207, 400, 413}),
    ],
)
def test_what_is_written_down_is_what_happens(
    schema: Any, key: str, door: str, mode: GenerationMode, count: int, statuses: set[int]
) -> None:
    seen = set()
    token = Draft202012Validator(schema.raw_schema["components"]["schemas"][door.title()]["properties"]["token"])

    @settings(CALM, max_examples=count)
    @given(case=schema[f"/{door}"]["POST"].as_strategy(generation_mode=mode))
    def try_out(case: Any) -> None:
        if isinstance(case.body, dict):
            assume(token.is_valid(case.body.get("token")))  # it may be all that is wrong, and is put right here
            case.body["token"] = key
        answer = case.call(headers={"X-API-Key": key})
        seen.add(answer.status_code)
        # A batch with wrong rows is a good request: 207 says which. And texts are measured without the blanks at their
        # ends, which JSON Schema has no word for.
        unfit = [check for check in CHECKS.get_all() if check.__name__ == "negative_data_rejection"]
        may_be_taken = door == "batch" or has_blank_ends(case.body)
        case.validate_response(answer, excluded_checks=unfit if may_be_taken else [])

    try_out()
    assert seen <= statuses
    assert seen & {200, 207} or mode is GenerationMode.NEGATIVE
