"""Pub/Sub's publish: a token for a signed claim, then all messages or none, and repeats kept."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa

from ours.plugin.testing.accounts import GoogleDouble
from ours.plugin.testing.doubles.server import Answer, Call

_PATH = re.compile(r"/v1/projects/([^/]+)/topics/([^/:]+):publish")
_TOPIC = ("my-project", "events")
_MOST, _LARGEST = 1000, 10_485_760
_ATTRIBUTES, _LONGEST_KEY, _LONGEST_VALUE = 100, 256, 1024


class PubSubDouble(GoogleDouble):
    """``kept`` are the messages of its topic, their data read as JSON. ``unwanted``: what the topic's schema lets no
    message hold."""

    scopes: ClassVar = {"cloud-platform", "pubsub"}

    def __init__(self, port: int = 0, *, private: rsa.RSAPrivateKey | None = None, unwanted: str = "") -> None:
        super().__init__(port, private=private)
        self._unwanted = unwanted.encode()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "service_account": self.key, "project_id": _TOPIC[0], "topic": _TOPIC[1]}

    def answer(self, call: Call) -> Answer:
        if call.path == "/token":
            return self.token(call)
        place = _PATH.fullmatch(call.path)
        if not place or call.method != "POST":
            return Answer(404, b"<html>Not Found</html>")
        if not self.let_in(call):
            return _error(401, "UNAUTHENTICATED")
        if place.groups() != _TOPIC:
            return _error(404, "NOT_FOUND")
        messages = call.json.get("messages") if isinstance(call.json, dict) else None
        if not isinstance(messages, list) or not 1 <= len(messages) <= _MOST or len(call.body) > _LARGEST:
            return _error(400, "INVALID_ARGUMENT")
        if len({one.get("orderingKey") for one in messages}) > 1 or not all(map(self._takes, messages)):
            return _error(400, "INVALID_ARGUMENT")
        self.kept += [{**one, "data": json.loads(base64.b64decode(one["data"]))} for one in messages]
        return Answer(200, {"messageIds": [f"{self.came}-{number}" for number in range(len(messages))]})

    def _takes(self, message: Mapping[str, Any]) -> bool:
        attributes = message.get("attributes") or {}
        try:
            data = base64.b64decode(message.get("data") or "", validate=True)
        except ValueError:
            return False
        few = (
            len(attributes) <= _ATTRIBUTES
            and (data or attributes)
            and not {"messageId", "publishTime"} & message.keys()
        )
        short = all(
            0 < len(name.encode()) <= _LONGEST_KEY and isinstance(value, str) and len(value.encode()) <= _LONGEST_VALUE
            for name, value in attributes.items()
        )
        return bool(few and short) and not (self._unwanted and self._unwanted in data)


def _error(status: int, word: str) -> Answer:
    return Answer(status, {"error": {"code": status, "message": "Refused.", "status": word}})
