"""Access tokens: fetched when a destination needs one, kept in memory alone, renewed before they expire.

A token that can't be had says nothing of the events that wait for it: they are tried again.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from requests import PreparedRequest, Request

from ours import timebox
from ours.core.answer import Answer
from ours.core.redact import Masker
from ours.plugin import Outcome, Retry, SecretValue, Token, Unauthorized, secrets_of
from ours.services.deliver import faults
from ours.services.deliver.targets import Target
from ours.services.deliver.tries import Try
from ours.transport import Transport

PLACEHOLDER = SecretValue("access-token")
"""What a test event's request shows: nothing is fetched for it."""
_MARGIN = 60.0
_FAILED = "token_failed"
_FIT_FOR_A_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,16384}[\x21-\x7e])?")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Known:
    target: Target
    token: SecretValue
    until: int


class Tokens:
    """One worker's. ``ready`` are the tries whose wait is over: with None they go on, else that came of them."""

    def __init__(self, transport: Transport) -> None:
        self.ready: list[tuple[list[Try], Outcome | None]] = []
        self._transport = transport
        self._known: dict[int, _Known] = {}
        self._waiting: dict[str, list[Try]] = {}

    @property
    def under_way(self) -> int:
        return len(self._waiting)

    def give(self, one: Try, now: int) -> bool:
        """Give it the token that it needs, if any; False when it has to wait and turns up in ``ready``."""
        if not one.target.fetches_token:
            return True
        known, target = self._known.get(one.target.id), one.target
        if one.live and known and known.target.made_of == target.made_of and known.until > now:
            one.target, one.token = known.target, known.token
            return True
        tag = f"token:{target.made_of}"
        if tag in self._waiting and one.live:
            self._waiting[tag].append(one)
            return False
        asked = _guarded(target, "token_request", lambda: _prepared(target, now))
        if asked is None:
            return True
        if not one.live:
            one.token = PLACEHOLDER
            return True
        if isinstance(asked, PreparedRequest):
            self._waiting[tag] = [one]
            self._transport.submit(tag, asked)
        else:
            self.ready.append(([one], asked))
        return False

    def waits_for(self, tag: str) -> Target | None:
        """Whose token an answer brings; None when it is none of ours."""
        return self._waiting[tag][0].target if tag in self._waiting else None

    def take(self, answer: Answer, now: int) -> None:
        """Read the answer to one of ours."""
        waiting = self._waiting.pop(answer.tag)
        target = waiting[0].target
        said = self._read(target, answer)
        if isinstance(said, Token):
            masker = Masker([*secrets_of(target.settings), said.value.reveal()])
            lasts = max(said.seconds - _MARGIN, said.seconds / 2)
            self._known[target.id] = _Known(replace(target, masker=masker), said.value, now + int(lasts * 1000))
        self.ready.append((waiting, None if isinstance(said, Token) else said))

    def forget(self, one: Try) -> None:
        """Its token was refused: the next one is fetched anew, unless that happened already."""
        known = self._known.get(one.target.id)
        if known and known.token == one.token:
            del self._known[one.target.id]

    def clear(self) -> list[Try]:
        """Let nothing wait any more; what did."""
        for tag in self._waiting:
            self._transport.abandon(tag)
        waiting = [one for tries in self._waiting.values() for one in tries]
        waiting += [one for tries, _ in self.ready for one in tries]
        self._waiting.clear()
        self.ready.clear()
        return waiting

    def _read(self, target: Target, answer: Answer) -> Token | Outcome:
        if answer.failure is not None:
            return Retry(answer.failure.code, f"No access token could be fetched. {answer.failure.message}")
        response = answer.response
        if response is None:
            return Retry(_FAILED, "No access token could be fetched.")
        said: object = _guarded(target, "read_token", lambda: target.plugin.read_token(response))
        if isinstance(said, Token):
            sentence = "The plugin's read_token() gave no token that can be sent."
            return said if _is_of_use(said) else Unauthorized(_FAILED, sentence)
        if isinstance(said, Retry | Unauthorized):
            return said
        code, message = getattr(said, "code", _FAILED), getattr(said, "message", "")
        return Unauthorized(str(code), f"No access token was given. {message}".strip())


def _is_of_use(token: Token) -> bool:
    """A token that no header can carry would spoil the requests of all events that wait for it."""
    value: object = token.value
    fits = isinstance(value, SecretValue) and _FIT_FOR_A_HEADER.fullmatch(value.reveal())
    return bool(fits) and math.isfinite(token.seconds) and token.seconds > 0


def _prepared(target: Target, now: int) -> PreparedRequest | None:
    request: object = target.plugin.token_request(target.settings, now)
    if request is None:
        return None
    if not isinstance(request, Request):
        raise TypeError("no request")
    return request.prepare()


def _guarded(target: Target, verb: str, ask: Callable[[], T]) -> T | Unauthorized:
    try:
        return faults.owned(verb, target.id, faults.MANY, partial(timebox.limited, ask))
    except BaseException as error:  # noqa: BLE001 - a plugin's bug concerns its own destination
        return Unauthorized(_FAILED, faults.told(_FAILED, target.plugin, verb, error))
