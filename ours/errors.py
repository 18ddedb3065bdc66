"""Errors that a person can mend. Each says in one sentence what is wrong and what to do about it."""


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


class NotFound(OursError):
    code = "not_found"


class Invalid(OursError):
    """What somebody typed is wrong. ``errors`` maps each field to its sentences."""

    code = "invalid"

    def __init__(self, message: str, errors: dict[str, list[str]] | None = None) -> None:
        self.errors = errors or {}
        super().__init__(message)


class Forbidden(OursError):
    """Whoever asks may not. The sentence says what it needs."""

    code = "forbidden"


class Busy(OursError):
    """Nothing can be made durable just now (backlog, disk, database); try again after ``retry_after`` seconds."""

    code = "unavailable"

    def __init__(self, message: str, retry_after: int = 2) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unsealable(OursError):
    """A sealed value was made with a key that is not in OURS_SECRET_KEYS, or was changed on disk."""

    code = "unsealable"
