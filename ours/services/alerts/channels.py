"""The ways out: a webhook that Slack and its like understand, and e-mail."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from requests import Request

from ours import clock
from ours.core import concerns
from ours.core.concerns import News
from ours.mail import Mailer
from ours.settings import Settings
from ours.transport import Transport

_SECONDS = 10.0
_CALLS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\N{WORD JOINER}"})


class Channel(Protocol):
    @property
    def name(self) -> str: ...

    def tell(self, news: Sequence[News]) -> str | None:
        """Why it could not be told; None when it was."""


class Webhook:
    """Goes out as deliveries do: the same guard, no redirects."""

    name = "webhook"

    def __init__(self, settings: Settings) -> None:
        self._url = settings.alert_webhook
        self._networks, self._proxy = settings.allow_networks, settings.proxy

    def tell(self, news: Sequence[News]) -> str | None:
        document = {"text": _inert(concerns.text(news)), "alerts": [_document(one) for one in news]}
        try:
            request = Request("POST", self._url, json=document).prepare()
        except ValueError:
            return "The address in OURS_ALERT_WEBHOOK can't be read."
        transport = Transport(self._networks, total_timeout=_SECONDS, proxy=self._proxy)
        try:
            transport.submit("alert", request)
            (answer,) = _first(transport)
        finally:
            transport.close()
        if answer.failure:
            return str(answer.failure.message)
        status = answer.response.status_code
        return None if 200 <= status < 300 else f"The webhook answered {status}."


class Email:
    name = "email"

    def __init__(self, settings: Settings) -> None:
        self._mailer = Mailer(settings.smtp_url, settings.alert_from, settings.alert_email)

    def tell(self, news: Sequence[News]) -> str | None:
        return self._mailer.send(f"[Ours] {concerns.title(news)}", concerns.text(news) + "\n")


def channels(settings: Settings) -> Iterator[Channel]:
    """Those that the operator has set up."""
    if settings.alert_webhook:
        yield Webhook(settings)
    if settings.alert_email:
        yield Email(settings)


def _first(transport: Transport) -> list[Any]:
    while transport.in_flight:
        if answers := transport.wait(_SECONDS):
            return list(answers)
    raise AssertionError("A request that was submitted ends in an answer.")


def _inert(text: str) -> str:
    """So that no name calls people or makes a link: written as Slack wants it, and broken where its like see one."""
    return text.translate(_CALLS).replace("://", ":\N{WORD JOINER}//").replace("](", "]\N{WORD JOINER}(")


def _document(news: News) -> dict[str, Any]:
    return {
        "kind": news.kind,
        "subject": news.subject or None,
        "state": news.stage,
        "message": news.words,
        "remedy": concerns.remedy(news.kind) or None,
        "since": clock.iso(news.since),
    }
