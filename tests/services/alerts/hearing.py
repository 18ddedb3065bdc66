"""What was told of alerts, and a mail server that hears it."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import orjson
from aiosmtpd.smtp import SMTP, Envelope, Session

from ours.plugin import Retry
from ours.services.alerts import Alert
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.scripted import Scripted, deliver, route_all, scripted

DAY = 24 * 3600


class Mailbox:
    """A mail server's handler: keeps what it takes, and refuses when told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 No such user"
        if address.startswith("grey@"):
            return f"450 4.7.1 <{address}>: come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 Not now"
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


def always() -> bool:
    """The queue can be reached."""
    return True


def said(receiver: Receiver) -> list[Any]:
    return [orjson.loads(one.body) for one in receiver.requests]


def stages(receiver: Receiver) -> list[str]:
    return [alert["state"] for document in said(receiver) for alert in document["alerts"]]


def failing(place: Place) -> int:
    """A destination whose breaker is open."""
    place = scripted(place)
    hook = place.destinations.add("scripted", "Hook", {}, events=["*"], actor="cli").id
    Scripted.outcomes.extend([Retry("http_503", "Later.")] * 10)
    for _ in range(10):
        place.track()
    route_all(place)
    deliver(place)
    return hook


def kinds(found: list[Alert] | Any) -> list[str]:
    return [one.kind for one in found]
