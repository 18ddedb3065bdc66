"""The API reference: the OpenAPI document, laid out for reading."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template

from ours.core.notices import WARNINGS
from ours.web.current import ours
from ours.web.ingest import openapi
from ours.web.ingest.answers import PROBLEMS, ROW_PROBLEMS
from ours.web.ingest.views import LARGEST
from ours.web.show.door import page

Node = Mapping[str, Any]
_GROUPS = ("UserProperties", "DefaultProperties", "IdentityContext")


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table. ``group`` names the table that tells the rest."""

    name: str
    kind: str
    rules: str
    about: str
    required: bool
    group: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One door: what it takes, examples as JSON, what it answers by status, and the codes of its refusals by status."""

    name: str
    method: str
    path: str
    summary: str
    fields: list[Field]
    examples: dict[str, Any]
    answers: dict[str, Node]
    refusals: dict[str, list[str]]


@page("/reference", "viewer")
def reference() -> str:
    settings = ours().settings
    document = openapi.document(LARGEST, settings.max_batch_bytes, settings.max_batch_rows)
    schemas = document["components"]["schemas"]
    return render_template(
        "reference/reference.html",
        about=document["info"]["description"],
        operations=list(_operations(document)),
        groups={name: list(_fields(schemas[name])) for name in _GROUPS},
        row=list(_fields(schemas["Row"])),
        refusals={code: (problem, _refusal(document, code)) for code, problem in PROBLEMS.items()},
        row_refusals=ROW_PROBLEMS,
        warnings=WARNINGS,
    )


def _operations(document: Node) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            content = _json(told.get("requestBody", {}))
            schema = _resolved(document, content.get("schema", {}))
            yield Operation(
                name=told["operationId"],
                method=method.upper(),
                path=document["servers"][0]["url"] + path,
                summary=told["summary"],
                fields=list(_fields(schema)),
                examples={title: example["value"] for title, example in content.get("examples", {}).items()},
                answers={status: _answer(node) for status, node in told["responses"].items() if "$ref" not in node},
                refusals={status: _codes(int(status)) for status, node in told["responses"].items() if "$ref" in node},
            )


def _answer(node: Node) -> Node:
    examples = _json(node).get("examples", {})
    return {"about": node["description"], "examples": {title: one["value"] for title, one in examples.items()}}


def _codes(status: int) -> list[str]:
    return [code for code, problem in PROBLEMS.items() if problem.status == status]


def _refusal(document: Node, code: str) -> Node:
    """An example of its answer, and the headers that come with it."""
    told = document["components"]["responses"].get(f"Error{PROBLEMS[code].status}", {})
    example = _json(told).get("examples", {}).get(code, {})
    return {"example": example.get("value"), "headers": list(told.get("headers", ()))}


def _fields(schema: Node) -> Iterator[Field]:
    """The key first, then what is required, then the rest as it comes."""
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    for name in sorted(properties, key=lambda name: (name != "token", name not in required)):
        told = properties[name]
        parts = [told, *told.get("anyOf", [])]
        yield Field(
            name=name,
            kind=_kind(parts),
            rules=_rules(parts),
            about=told.get("description", ""),
            required=name in required,
            group=next((group for part in parts if (group := _reference(part)) in _GROUPS), None),
        )


def _kind(parts: list[Node]) -> str:
    kinds: list[str] = []
    for part in parts:
        kind = part.get("type", "object" if _reference(part) else [])
        kinds += [kind] if isinstance(kind, str) else kind
    return " or ".join(dict.fromkeys(kinds)) or "anything"


def _rules(parts: list[Node]) -> str:
    longest = next((part["maxLength"] for part in parts if "maxLength" in part), None)
    return f"at most {longest:,} characters" if longest else ""


def _json(node: Node) -> Node:
    content: Node = node.get("content", {}).get("application/json", {})
    return content


def _reference(node: Node) -> str:
    return str(node.get("$ref", "")).rpartition("/")[2]


def _resolved(document: Node, node: Node) -> Node:
    for part in str(node.get("$ref", "")).removeprefix("#/").split("/") if "$ref" in node else ():
        document = document[part]
    return document if "$ref" in node else node
