"""Structured logs. People and secrets never enter them: callers pass ids and codes, and a filter masks what slips."""

import logging
import re
import sys
import time
from collections import Counter
from typing import Any

import structlog

_MASK = "••••"
_SELDOM_SECONDS = 10.0
_MOST_SUBJECTS = 100
_SECRET_NAMES = re.compile(r"token|secret|password|authorization|api_?key|cookie|email|phone", re.IGNORECASE)
# It begins where a word does, or a long text without blanks would be looked through once for each of its letters.
_EMAIL = re.compile(r"(?<![^\s@\"'<>])[^\s@\"'<>]+@[^\s@\"'<>]+\.[A-Za-z]{2,}")


def redact(_logger: Any, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Mask values under a secret's name, and addresses inside any text. Line ends can't forge a second line."""
    for name, value in entry.items():
        if _SECRET_NAMES.search(name):
            entry[name] = _MASK
        elif isinstance(value, str):
            entry[name] = _EMAIL.sub(_MASK, value)
    return entry


def printable(_logger: Any, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Show signs that are no text, so that none of them steers the terminal. Tracebacks keep their line ends."""
    for name, value in entry.items():
        if isinstance(value, str) and name not in {"exception", "stack"} and not value.isprintable():
            entry[name] = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in value)
    return entry


def configure(level: str = "INFO", style: str = "auto") -> None:
    """Log to stderr, one event a line, as JSON or as text for a terminal."""
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # before they are redacted: an exception may quote what it met
    ]
    ends: list[structlog.typing.Processor] = [redact, *([printable] if as_text else []), renderer]
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _hear_libraries([_room, *shared], ends)


def _hear_libraries(first: list[structlog.typing.Processor], ends: list[structlog.typing.Processor]) -> None:
    """What they say is told like what we say: a traceback of theirs may quote a person, too."""
    cleared = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=[cleared, *ends]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _room(_logger: Any, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The library's logger stands for the room."""
    entry["room"] = entry["_record"].name
    return entry


def get(room: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(room=room)
    return logger


class Seldom:
    """For what would be said over and over, by something that is tried again all the time."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def times(self, subject: str) -> int:
        """How many times it was since it was last said, this one among them; 0: it was said within ten seconds."""
        now = time.monotonic()
        if len(self._due) > _MOST_SUBJECTS:
            self._due.clear()
            self._untold.clear()
        self._untold[subject] += 1
        if now < self._due.get(subject, 0.0):
            return 0
        self._due[subject] = now + _SELDOM_SECONDS
        return self._untold.pop(subject)
