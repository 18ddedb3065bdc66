"""Every warning an answer can carry: one registry, which ``docs/errors.md`` repeats word for word."""

from collections.abc import Mapping
from dataclasses import dataclass

from ours.core.incoming import Notice

MOST = 50
_LONGEST_PATH = 200


@dataclass(frozen=True, slots=True)
class Advice:
    """What a warning says (``{}`` stands for the detail) and what the caller may do about it."""

    message: str
    remedy: str


WARNINGS: Mapping[str, Advice] = {
    "time_ignored": Advice(
        "This is not a valid time, so the time of arrival was used.",
        "Send `time` as a positive number of milliseconds since 1970, or leave it out.",
    ),
    "time_in_future": Advice(
        "This time is more than 60 seconds in the future, so the time of arrival was used.",
        "Correct the clock of the sending machine, and send milliseconds.",
    ),
    "time_too_old": Advice(
        "This time is more than 7 days ago, so exactly 7 days ago was used.",
        "Send events within 7 days after they happen.",
    ),
    "time_in_seconds": Advice(
        "This time is more than 7 days ago, so exactly 7 days ago was used. It looks like seconds.",
        "Multiply by 1,000: `time` is in milliseconds.",
    ),
    "email_not_an_address": Advice(
        "This is not an email address. It was hashed as it is and used as an identifier.",
        "Send the address in clear, `name@example.com`; we hash it.",
    ),
    "phone_not_a_number": Advice(
        "This is not a phone number of 7 to 15 digits. It was kept, but not used to find the visitor.",
        "Send the number with its country code, `+15550100000`.",
    ),
    "email_names_nobody": Advice(
        "This is not an email address. It was kept, but not used to find the visitor.",
        "Send the address in clear, `name@example.com`, or leave it out if you do not know it.",
    ),
    "unknown_field": Advice(
        "This field is unknown and was ignored.",
        "Correct its name, or move it to `eventProperties` or `custom_properties`.",
    ),
    "misnamed": Advice(
        "This field is unknown and was ignored. Did you mean {}?",
        "Send it under the name that the message gives.",
    ),
    "wrong_address": Advice(
        "This endpoint does not read this field, so it was ignored. {}",
        "Send it to the endpoint that the message names.",
    ),
    "renamed": Advice(
        "This was read as {}.",
        "Send the field under the name that the message gives.",
    ),
    "moved": Advice(
        "This is not a known visitor property, so it was kept in custom_properties.",
        "Send it inside `userProperties.custom_properties`.",
    ),
    "overridden": Advice(
        "This was sent twice with different values. The value in {} was used.",
        "Send it once.",
    ),
    "empty_ignored": Advice(
        "An empty string changes nothing here and was ignored.",
        "Leave the field out, or send `null` to clear a known field.",
    ),
    "null_ignored": Advice(
        "null clears nothing here and was ignored.",
        "Leave it out.",
    ),
    "consent_not_a_list": Advice(
        "This is not a list of strings, so rules find no categories in it.",
        'Send the categories as a list: `["advertising"]`.',
    ),
    "consent_of_flags": Advice(
        "This was read as a list of the categories that are true.",
        'Send the categories as a list: `["advertising"]`.',
    ),
    "empty_key": Advice(
        'A property named "" was removed.',
        "Give the property a name.",
    ),
    "list_cut": Advice(
        "This list was cut to its first 250 entries.",
        "Send shorter lists.",
    ),
    "number_as_text": Advice(
        "This integer is beyond 2^53 and was kept as text, so that no digit is lost.",
        "Send long numbers as text.",
    ),
    "duplicate_differs": Advice(
        "An event with this name and distinctId was received before with different content. The first one stands.",
        "Give every event a `distinctId` of its own; when you retry, send exactly the same body.",
    ),
    "more_warnings": Advice(
        "There are {} more warnings that are not listed.",
        "Fix what is listed, and the rest will show.",
    ),
}


class Notices:
    """Collects the warnings of one event, and keeps no more of them than a person reads."""

    __slots__ = ("_kept", "_more")

    def __init__(self) -> None:
        self._kept: list[Notice] = []
        self._more = 0

    def add(self, field: str, code: str, detail: str = "") -> None:
        self.append(notice(field, code, detail))

    def append(self, warning: Notice) -> None:
        if len(self._kept) < MOST:
            self._kept.append(warning)
        else:
            self._more += 1

    def all(self) -> tuple[Notice, ...]:
        if self._more:
            return (*self._kept, notice("", "more_warnings", str(self._more)))
        return tuple(self._kept)


def notice(field: str, code: str, detail: str = "") -> Notice:
    """The warning ``code`` about ``field``, in the registry's words."""
    return Notice(field[:_LONGEST_PATH], code, WARNINGS[code].message.replace("{}", detail))
