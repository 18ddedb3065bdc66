"""Signed webhooks (Standard Webhooks 1.0), for every system of your own."""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ours.plugin import (
    EVENT_MAPPING,
    Delivery,
    Destination,
    Endpoint,
    Headers,
    Outcome,
    Request,
    Response,
    Schema,
    Secret,
    SecretValue,
    ValidationError,
    by_api_status,
    envelope,
    fields,
    hookimpl,
    to_json,
    validate,
)

PREFIX = "whsec_"
MAKE_ONE = "echo whsec_$(openssl rand -base64 32)"
PLACE = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
ANY_PLACE = re.compile(r"\{\{[^{}]*\}\}")
MEANT = re.compile(r"\{\{\s*(id|type|timestamp|data(\.[^{}\s.]+)*)\s*\}\}")


def signing_key(secret: str) -> bytes:
    """The bytes inside ``whsec_…``.

    :raises ValidationError: when it is not the base64 of 24 to 64 bytes.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValidationError(f"Must be whsec_ and the base64 of 24 to 64 random bytes. Make one with: {MAKE_ONE}")
    return key


def body_template(text: str) -> None:
    """:raises ValidationError: when it is no JSON object, or names what there never is."""
    where = ""
    try:
        template = json.loads(text)
    except (ValueError, RecursionError) as error:
        template = None
        if isinstance(error, json.JSONDecodeError):
            where = f" It is none from line {error.lineno}, column {error.colno}."
    if not isinstance(template, dict):
        raise ValidationError(
            'Must be a JSON object, such as {"what": "{{type}}", "amount": "{{data.value}}"}.' + where
        )
    for place in ANY_PLACE.findall(text):
        if not MEANT.fullmatch(place):
            known = "{{id}}, {{type}}, {{timestamp}}, {{data}} and {{data.FIELD}}, a field of the mapping"
            raise ValidationError(f"Nothing stands for {place}. There are {known}.")


def filled(template: Any, known: Mapping[str, Any]) -> Any:
    """``template`` with its places filled. A text that is one place alone becomes the value, and is left out without
    one; around other text a value becomes text."""
    if isinstance(template, dict):
        pairs = ((name, filled(inner, known)) for name, inner in template.items())
        return {name: value for name, value in pairs if value is not None}
    if isinstance(template, list):
        return [filled(inner, known) for inner in template]
    if not isinstance(template, str):
        return template
    if whole := PLACE.fullmatch(template):
        return at(whole[1], known)
    return PLACE.sub(lambda place: as_text(at(place[1], known)), template)


def at(path: str, known: Any) -> Any:
    for name in path.split("."):
        known = known.get(name) if isinstance(known, Mapping) else None
    return known


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else to_json(value).decode()


def sign(secret: SecretValue, identity: str, timestamp: int, body: bytes) -> str:
    """One signature of the list in ``webhook-signature``."""
    digest = _keyed(secret.reveal()).copy()
    digest.update(f"{identity}.{timestamp}.".encode() + body)
    return "v1," + base64.b64encode(digest.digest()).decode()


@lru_cache(64)
def _keyed(secret: str) -> hmac.HMAC:
    return hmac.new(signing_key(secret), digestmod="sha256")


class Webhook(Destination):
    """Each event is one request whose JSON body is `{"type", "timestamp", "data"}`: the event's name, when it happened,
    and in `data` the fields of the mapping. Nothing of the visitor leaves but the ids, unless the mapping names it.

    The requests follow [Standard Webhooks](https://www.standardwebhooks.com), so that any of its libraries verifies
    them. `webhook-id` is the same at each try of a delivery: drop an id that you have seen. `webhook-timestamp` is the
    moment of this try, in seconds. `webhook-signature` is there when a signing secret is set; without one the request
    is **not signed**, and anybody who finds the address can forge it.

    A body template gives the body another shape: a JSON object in which `{{id}}`, `{{type}}`, `{{timestamp}}` and
    `{{data.FIELD}}` stand for the delivery's id, the event's name, its moment and the mapping's fields. A text that is
    one such place alone becomes the value itself, a number or an object too, and is left out where there is none; a
    place of another name is refused. With GET there is no body: the fields of `data`, or of the template, go into the
    address, objects as JSON: mind that many a server writes addresses into its log.

    To change the secret without losing a delivery, move the old one to *Previous signing secret* and set the new one:
    both signatures are sent until you remove the old one.

    Answer any 2xx within 20 seconds. 408, 425, 429 and 5xx are tried again, after `Retry-After` if you send it.
    401–405, 407, 410, 421 and a redirect, which is not followed, say that the address or its access is wrong: after
    five in a row, the destination pauses. Every other answer is final: so say 400 or 422 of an event that you will
    never take.
    """

    slug = "webhook"
    label = "Webhook"
    summary = "Sends each event to your address, signed as Standard Webhooks describes."
    dedupes = True
    default_mapping = EVENT_MAPPING

    class Settings(Schema):
        url = Endpoint(required=True, metadata={
            "label": "Address", "example": "https://example.com/webhooks/ours",
            "help": "Where each event is sent, http or https."})  # fmt: skip
        secret = Secret(validate=signing_key, metadata={
            "label": "Signing secret",
            "help": f"whsec_ and the base64 of 24 to 64 random bytes: `{MAKE_ONE}`."
            " Without it, requests are not signed."})  # fmt: skip
        previous_secret = Secret(validate=signing_key, metadata={
            "label": "Previous signing secret",
            "help": "The old secret, for as long as a receiver still verifies with it."})  # fmt: skip
        headers = Headers(metadata={
            "label": "Extra headers",
            "help": "Sent with each request, one `Name: value` per line; kept as secrets."})  # fmt: skip
        method = fields.String(load_default="POST", validate=validate.OneOf(["POST", "PUT", "GET"]), metadata={
            "label": "Method", "help": "POST, unless the receiver requires another method."})  # fmt: skip
        template = fields.String(validate=body_template, metadata={
            "label": "Body template", "long": True,
            "help": 'A JSON object with `{{type}}`, `{{data.value}}` and the like in it.'
            " Without it, Ours sends its own body."})  # fmt: skip

    def build(self, delivery: Delivery) -> Request:
        settings, timestamp = delivery.settings, delivery.now // 1000
        content = self.content(delivery)
        body = b"" if settings["method"] == "GET" else to_json(content)
        secrets = [settings[name] for name in ("secret", "previous_secret") if settings.get(name)]
        headers = {name: value.reveal() for name, value in settings.get("headers", {}).items()} | {
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
        }
        if secrets:
            headers["webhook-signature"] = " ".join(sign(one, delivery.id, timestamp, body) for one in secrets)
        if settings["method"] == "GET":
            query = content if settings.get("template") else content["data"]
            params = {name: as_text(value) for name, value in query.items()}
            return Request("GET", settings["url"], headers=headers, params=params)
        headers["Content-Type"] = "application/json"
        return Request(settings["method"], settings["url"], headers=headers, data=body)

    def content(self, delivery: Delivery) -> dict[str, Any]:
        whole = envelope(delivery)
        template = delivery.settings.get("template")
        return filled(json.loads(template), {"id": delivery.id} | whole) if template else whole

    def read(self, response: Response) -> Outcome:
        return by_api_status(response, pages=True)  # yours may say thanks, or what is wrong


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Webhook]
