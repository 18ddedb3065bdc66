"""An answer that says what the disk has, and is therefore given when it has it."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug.http import HTTP_STATUS_CODES

from ours.errors import Busy
from ours.web import request_id
from ours.web.current import ours
from ours.web.ingest import telling
from ours.web.ingest.answers import Answer, broken, unavailable
from ours.web.later import KEY, Give

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ours.core.incoming import Incoming
    from ours.services.accept import Caller, Fate, Receipt

Whole = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""
Say = Callable[["Incoming", "Receipt"], Mapping[str, Any]]


class Late(Answer):
    """Takes one event in, as the last step of its request, and answers by ``say`` what became of it."""

    def __init__(self, caller: "Caller", incoming: "Incoming", say: Say) -> None:
        super().__init__((), 200, {})
        self._accept, self._caller, self._incoming, self._say = ours().accept, caller, incoming, say

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        later, name = environ.get(KEY), request_id.of(environ)
        if later:
            self._submit(later.postpone(), name)
            return []
        status, headers, body = self._answer(self._wait(), name)
        start_response(f"{status} {HTTP_STATUS_CODES[status]}", headers)
        return [body]

    def _submit(self, give: Give, name: str) -> None:
        def tell(fate: "Fate") -> None:
            status, headers, body = self._answer(fate, name)
            give(status, [*headers, (request_id.HEADER, name)], body)

        try:
            self._accept.submit(self._caller, [self._incoming], tell)
        except Exception as error:  # noqa: BLE001 - whatever it was, there is an answer
            tell(error)

    def _wait(self) -> "Fate":
        try:
            return self._accept.accept(self._caller, [self._incoming])
        except Exception as error:  # noqa: BLE001 - as above
            return error

    def _answer(self, fate: "Fate", name: str) -> Whole:
        if not isinstance(fate, Exception):
            return self._whole(200, self._say(self._incoming, fate[0]), {})
        if isinstance(fate, Busy):
            refusal = unavailable(fate)
            telling.refused(refusal, name, self._caller.source_id)
        else:
            refusal = broken(fate, name)
        return self._whole(refusal.status, refusal.said(), refusal.headers or {})

    def _whole(self, status: int, said: Mapping[str, Any], headers: Mapping[str, str]) -> Whole:
        body = orjson.dumps(said)
        return status, [*self.headers, *headers.items(), ("Content-Length", str(len(body)))], body
