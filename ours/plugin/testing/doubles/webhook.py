"""A receiver of webhooks: it verifies what is signed as Standard Webhooks describes, and drops what it has seen."""

import base64
import hmac
from collections.abc import Mapping

from ours.plugin.testing.doubles.server import Answer, Call, Double

_SECRET = "whsec_" + base64.b64encode(b"a receiver on this very machine.").decode()


class WebhookDouble(Double):
    """``kept`` are the bodies, of a GET the query. What is not signed is taken as well, from any plugin."""

    def __init__(self, port: int = 0, *, secret: str = _SECRET) -> None:
        super().__init__(port)
        self._secret = secret
        self._seen: set[str] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"url": f"{self.url}/hook", "secret": self._secret}

    def answer(self, call: Call) -> Answer:
        identity, moment = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
        signatures = call.headers.get("webhook-signature", "").split()
        if signatures and self._sign(identity, moment, call.body) not in signatures:
            return Answer(401, {"error": "The signature is not that of this secret."})
        if not identity or identity not in self._seen:
            self._seen.add(identity)
            self.kept.append(call.json if call.body else dict(call.query))
        return Answer(204)

    def _sign(self, identity: str, timestamp: str, body: bytes) -> str:
        key = base64.b64decode(self._secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{identity}.{timestamp}.".encode() + body, "sha256")
        return "v1," + base64.b64encode(digest).decode()
