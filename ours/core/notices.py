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
        "This is no moment, so the moment of arrival was used.",
        "Send `time` as a positive number of milliseconds since 1970, or leave it out.",
    ),
    "time_in_future": Advice(
        "This moment is more than 60 seconds ahead, so the moment of arrival was used.",
        "Set the clock of the sending machine, and send milliseconds.",
    ),
    "time_too_old": Advice(
        "This moment is more than 7 days ago, so exactly 7 days ago was used.",
        "Send events within 7 days of their happening.",
    ),
    "time_in_seconds": Advice(
        "This moment is more than 7 days ago, so exactly 7 days ago was used. It looks like seconds.",
        "Multiply by 1,000: `time` is in milliseconds.",
    ),
    "email_not_an_address": Advice(
        "This is no email address. It was hashed as it is and used as an identifier.",
        "Send the address in clear, `name@example.com`; we hash it.",
    ),
    "phone_not_a_number": Advice(
        "This is no phone number of 7 to 15 digits. It was kept, but does not help to find the visitor.",
        "Send the number with its country code, `+15550100000`.",
    ),
    "email_names_nobody": Advice(
        "This is no email address. It was kept, but does not help to find the visitor.",
        "Send the address in clear, `name@example.com`, or leave it out while you do not know it.",
    ),
    "unknown_field": Advice(
        "This field is not known here and was ignored.",
        "Correct its name, or move it into `eventProperties` or `custom_properties`.",
    ),
    "misnamed": Advice(
        "This field is not known here and was ignored. Did you mean {}?",
        "Send it under the name that the message gives.",
    ),
    "wrong_address": Advice(
        "This is not read here and was ignored. {}",
        "Send it to the address that the message names.",
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
        "An empty text changes nothing here and was ignored.",
        "Leave the field out, or send `null` to clear a known field.",
    ),
    "null_ignored": Advice(
        "A null clears nothing here and was ignored.",
        "Leave it out.",
    ),
    "consent_not_a_list": Advice(
        "This is no list of texts: a rule finds categories in texts alone.",
        'Send the categories as a list: `["advertising"]`.',
    ),
    "consent_of_flags": Advice(
        "It was read as the list of what is true in it.",
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
        "This whole number lies beyond 2^53 and was kept as text, so that no digit is lost.",
        "Send long numbers as text.",
    ),
    "duplicate_differs": Advice(
        "An event with this name and distinctId came before with other content. The first one stands.",
        "Give every event a `distinctId` of its own; send exactly the same body when you try again.",
    ),
    "more_warnings": Advice(
        "There are {} more warnings that are not listed.",
        "Mend what is listed; the rest will then show.",
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
