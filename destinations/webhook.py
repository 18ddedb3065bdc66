"""Signed webhooks (Standard Webhooks 1.0), for every system of your own."""

import base64
import binascii
import hmac

from ours.plugin import (
    EVENT_MAPPING,
    Delivery,
    Destination,
    Endpoint,
    Headers,
    Outcome,
    Rejected,
    Request,
    Response,
    Schema,
    Secret,
    SecretValue,
    ValidationError,
    by_status,
    envelope,
    fields,
    hookimpl,
    to_json,
    validate,
)

PREFIX = "whsec_"
MAKE_ONE = "echo whsec_$(openssl rand -base64 32)"


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


def sign(secret: SecretValue, identity: str, timestamp: int, body: bytes) -> str:
    """One signature of the list in ``webhook-signature``."""
    digest = hmac.digest(signing_key(secret.reveal()), f"{identity}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


class Webhook(Destination):
    """Each event is one request whose JSON body is `{"type", "timestamp", "data"}`: the event's name, when it happened,
    and in `data` the fields of the mapping. Nothing of the visitor leaves but the ids, unless the mapping names it.

    The requests follow [Standard Webhooks](https://www.standardwebhooks.com), so that any of its libraries verifies
    them. `webhook-id` is the same at each try of a delivery: drop an id that you have seen. `webhook-timestamp` is the
    moment of this try, in seconds. `webhook-signature` is there when a signing secret is set; without one the request
    is **not signed**, and anybody who finds the address can forge it.

    To change the secret without losing a delivery, move the old one to *Previous signing secret* and set the new one:
    both signatures are sent until you remove the old one.

    Answer any 2xx within 20 seconds. 408, 425, 429 and 5xx are tried again, after `Retry-After` if you send it; 410
    and every other answer are final. Redirects are not followed.
    """

    slug = "webhook"
    label = "Webhook"
    summary = "Sends each event to an address of yours, signed as Standard Webhooks describes."
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
            "help": "Sent with each request, one `Name: value` a line; kept as secrets."})  # fmt: skip
        method = fields.String(load_default="POST", validate=validate.OneOf(["POST", "PUT"]), metadata={
            "label": "Method", "help": "POST, unless the receiver insists on PUT."})  # fmt: skip

    def build(self, delivery: Delivery) -> Request:
        settings, body, timestamp = delivery.settings, to_json(envelope(delivery)), delivery.now // 1000
        secrets = [settings[name] for name in ("secret", "previous_secret") if settings.get(name)]
        headers = {name: value.reveal() for name, value in settings.get("headers", {}).items()} | {
            "Content-Type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
        }
        if secrets:
            headers["webhook-signature"] = " ".join(sign(one, delivery.id, timestamp, body) for one in secrets)
        return Request(settings["method"], settings["url"], headers=headers, data=body)

    def read(self, response: Response) -> Outcome:
        if response.status_code == 410:
            return Rejected(
                "http_410", "The receiver is gone (410). Correct the address or switch this destination off."
            )
        return by_status(response)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [Webhook]
