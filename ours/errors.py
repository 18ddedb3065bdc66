"""Errors that a person can mend. Each says in one sentence what is wrong and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Self


class OursError(Exception):
    """Base of all errors we raise on purpose. ``code`` is a stable machine word."""

    code = "error"


class SettingsInvalid(OursError):
    """One or more settings are wrong; ``problems`` names each by its environment variable."""

    code = "settings_invalid"

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {name}: {problem}" for name, problem in sorted(problems.items()))
        super().__init__(f"These settings are wrong:\n{lines}")


class NotBegun(OursError):
    """There is no installation where the settings say, and what was asked for makes none."""

    code = "no_installation"


class NotFound(OursError):
    code = "not_found"


class Invalid(OursError):
    """What somebody typed is wrong. ``errors`` maps each field to its sentences."""

    code = "invalid"

    def __init__(self, message: str, errors: dict[str, list[str]] | None = None) -> None:
        self.errors = errors or {}
        super().__init__(message)

    @classmethod
    def at(cls, field: str, sentence: str) -> Self:
        """Where one field is wrong."""
        return cls(sentence, {field: [sentence]})


def in_words(errors: Mapping[str, Sequence[str]]) -> str:
    """What is wrong with each field, in one line: ``url: Missing data. key: Too short.``"""
    return " ".join(f"{name}: {' '.join(told)}" if name else " ".join(told) for name, told in errors.items())


class Changed(Invalid):
    """Somebody changed it since whoever asks looked at it."""

    code = "changed"


class TooLarge(Invalid):
    """What was asked for is more than is given in one answer. The sentence says how else to have it."""

    code = "too_large"


class Forbidden(OursError):
    """Whoever asks may not. The sentence says what it needs."""

    code = "forbidden"


class Busy(OursError):
    """Nothing can be made durable just now; try again after ``retry_after`` seconds.

    ``reason``: ``backlog``, ``clock``, ``database``, ``disk``, or ``waiting`` when too much waits for the database.
    ``cause``: what the database or the disk said, which names where it lies and who we are there. That is for our log
    and the command line; whoever asks over the network reads ``sentence``.
    """

    code = "unavailable"

    def __init__(self, sentence: str, retry_after: int = 2, reason: str = "database", cause: object = "") -> None:
        self.sentence, self.retry_after, self.reason = sentence, retry_after, reason
        super().__init__(f"{sentence.removesuffix('.')} ({cause})." if cause else sentence)


class Unsealable(OursError):
    """A stored value can't be opened. ``reason``: why, as a code that dispatches and events which wait for it have."""

    code = "unsealable"

    def __init__(self, message: str, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


class KeyMissing(Unsealable):
    """It was sealed with a key that is not in OURS_SECRET_KEYS; ``key_id`` says which (8 hex digits)."""

    def __init__(self, key_id: str) -> None:
        reason = key_missing(key_id)
        super().__init__(f"{unopened('A stored value', reason)} Add the old key to the ring.", reason)


class Damaged(Unsealable):
    """It was changed on disk, or moved to another row."""

    def __init__(self) -> None:
        super().__init__(unopened("A stored value", DAMAGED), DAMAGED)


DAMAGED = "damaged"
UNROUTABLE = "unroutable"
KEY_MISSING = "key_missing:"
_CHANGED = "it was changed on disk, or moved to another row"


def is_unopened(reason: str) -> bool:
    """Whether a reason code says that something can't be opened, or an event not be routed."""
    return reason in {DAMAGED, UNROUTABLE} or missing_key(reason) is not None


def key_missing(key_id: str) -> str:
    """The reason code for what waits for that key."""
    return KEY_MISSING + key_id


def missing_key(reason: str) -> str | None:
    """The id of the key that is waited for; None when the reason is another."""
    return reason.removeprefix(KEY_MISSING) if reason.startswith(KEY_MISSING) else None


def unopened(what: str, reason: str, *, many: bool = False) -> str:
    """The sentence that ``what``, one thing or ``many``, can't be opened or routed for that reason."""
    if reason == UNROUTABLE:
        return f"{what} can't be routed: what failed is in the log."
    if reason == DAMAGED:
        why = "they were changed on disk, or moved to other rows" if many else _CHANGED
    else:
        why = f"{'their' if many else 'its'} secret key {missing_key(reason)} is not in OURS_SECRET_KEYS"
    return f"{what} can't be opened: {why}."
