"""The ways out: a webhook, and e-mail."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from requests import Request

from ours.core import concerns
from ours.core.concerns import News
from ours.mail import Mailer
from ours.services.alerts.shapes import posts
from ours.settings import Settings
from ours.transport import Transport

_SECONDS = 10.0
_MOST_THREADS = 10


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
        try:
            requests = [Request("POST", one.url, json=one.document).prepare() for one in posts(self._url, news)]
        except ValueError:
            return "The address in OURS_ALERT_WEBHOOK can't be read."
        transport = Transport(self._networks, total_timeout=_SECONDS, proxy=self._proxy)
        try:
            for place, request in enumerate(requests):
                transport.submit(str(place), request)
            return next(filter(None, map(_problem, _answers(transport))), None)
        finally:
            transport.close()


class Email:
    name = "email"

    def __init__(self, settings: Settings) -> None:
        self._mailer = Mailer(settings.smtp_url, settings.alert_from, settings.alert_email)

    def tell(self, news: Sequence[News]) -> str | None:
        about = [_thread(one) for one in news[:_MOST_THREADS]]
        return self._mailer.send(f"[Ours] {concerns.title(news)}", concerns.text(news) + "\n", about)


def channels(settings: Settings) -> Iterator[Channel]:
    """Those that the operator has set up."""
    if settings.alert_webhook:
        yield Webhook(settings)
    if settings.alert_email:
        yield Email(settings)


def _thread(news: News) -> str:
    """The same for the beginning of an alert and for its end."""
    return f"{news.since}.{zlib.crc32(f'{news.kind} {news.subject}'.encode()):08x}"


def _answers(transport: Transport) -> list[Any]:
    found: list[Any] = []
    while transport.in_flight:
        found += transport.wait(_SECONDS)
    return found


def _problem(answer: Any) -> str | None:
    if answer.failure:
        return str(answer.failure.message)
    status = answer.response.status_code
    return None if 200 <= status < 300 else f"The webhook answered {status}."
