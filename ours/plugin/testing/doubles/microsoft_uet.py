"""Microsoft's UET Conversions API: all or nothing, ten faults told of, warnings for what it leaves out, and repeats
dropped."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ours.plugin.testing.doubles.server import Answer, Call, Double

_PATH = re.compile(r"/v1/(\d+)/events")
_HASH = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS = re.compile(r"https?://[^\s/]+(/\S*)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_NAMES = {"anonymousId", "externalId", "em", "ph", "msclkid", "idfa", "gaid"}
_WINDOW = 7 * 86_400
_MOST, _TOLD = 1000, 10
_SAID = ("One or multiple parameters did not pass validation checks, see details. Note that only the first 10 errors"
         " and warnings are shown.")  # fmt: skip
_Fault = tuple[str, str, bool]


class MicrosoftUETDouble(Double):
    """``kept`` are the events that count, repeats dropped. ``now`` (seconds) is the moment from which its window of
    seven days is counted."""

    def __init__(self, port: int = 0, *, token: str = "a-token", now: float = 0.0) -> None:  # noqa: S107 - a test's
        super().__init__(port)
        self._token, self.now = token, now
        self._seen: set[tuple[str, str]] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        return {"endpoint": self.url, "tag_id": "187012345", "access_token": self._token}

    def answer(self, call: Call) -> Answer:
        at = _PATH.fullmatch(call.path)
        if not at:
            return Answer(404)
        if at[1] != "187012345" or call.headers.get("Authorization") != f"Bearer {self._token}":
            said = {"code": "Unauthorized", "message": "You are not authorized to access this resource."}
            return Answer(401, {"error": said})
        events = call.json.get("data") if isinstance(call.json, dict) else None
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST:
            return Answer(400, {"error": {"code": "ValidationError", "message": "'data' must have 1 to 1000 items."}})
        return self._take(events, skipping=call.json.get("continueOnValidationError") is True)

    def _take(self, events: list[Any], *, skipping: bool) -> Answer:
        faults = [(index, *one) for index, event in enumerate(events) for one in self._faults(event)]
        wrong = {index for index, _, _, warning in faults if not warning}
        good = [event for index, event in enumerate(events) if index not in wrong]
        error = {"error": {"code": "ValidationError", "message": _SAID, "details": _details(faults)}} if faults else {}
        if wrong and not (skipping and good):
            return Answer(400, error)
        for event in good:
            key = (event.get("eventName", ""), event.get("eventId", ""))
            if not all(key) or key not in self._seen:
                self._seen.add(key)
                self.kept.append(event)
        return Answer(200, {"eventsReceived": len(good), **error, "traceId": f"trace-{self.came}"})

    def _faults(self, event: Mapping[str, Any]) -> Iterator[_Fault]:
        """Field, code, and whether it is only a warning."""
        moment, person = event.get("eventTime"), event.get("userData") or {}
        if event.get("eventType") not in ("custom", "pageLoad"):
            yield "eventType", "InvalidEnumValue", False
        if not isinstance(moment, int) or (self.now and not self.now - _WINDOW <= moment <= self.now):
            yield "eventTime", "InvalidEventTime", False
        if event.get("eventType") == "pageLoad" and not _ADDRESS.fullmatch(event.get("eventSourceUrl", "")):
            yield "eventSourceUrl", "InvalidUrl", False
        if not _NAMES & person.keys():
            yield "userData", "Empty", False
        if "msclkid" in person and not _UUID.fullmatch(person["msclkid"]):
            yield "userData.msclkid", "InvalidUuid", True
        for name in ("em", "ph"):
            if name in person and not _HASH.fullmatch(person[name]):
                yield f"userData.{name}", "InvalidSha256", True
        if not _CURRENCY.fullmatch((event.get("customData") or {}).get("currency", "EUR")):
            yield "customData.currency", "InvalidCurrency", True


def _details(faults: list[tuple[int, str, str, bool]]) -> list[Mapping[str, Any]]:
    return [
        {"index": index, "propertyName": f"data[{index}].{name}", "attemptedValue": "what was sent",
         "errorMessage": f"'{name}' is not valid.", "errorCode": code, "isWarning": warning}
        for index, name, code, warning in faults[:_TOLD]
    ]  # fmt: skip
