"""Structured logs. People and secrets never enter them: callers pass ids and codes, and a filter masks what slips."""

import logging
import math
import re
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any, TextIO

import structlog

_MASK = "••••"
_SELDOM_SECONDS = 10.0
_CALM_SECONDS = 60.0
_AGAIN_SECONDS = 600.0
_MOST_SUBJECTS = 1_000
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


class _Lines:
    """Where the log goes. A line that can't be written (its disk is full, its reader is gone) is lost, and nothing
    else is: whoever logs is in the middle of a delivery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure(level: str = "INFO", style: str = "auto") -> None:
    """Log to stderr, one event a line, as JSON or as text for a terminal; what libraries and plugins log, too."""
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
    last: list[structlog.typing.Processor] = [redact, *([printable] if as_text else []), renderer]
    lines: Any = _Lines(sys.stderr)
    least = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(lines),  # a line and its end in one piece: others write, too
        cache_logger_on_first_use=False,
    )
    _hear_python()
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[_strangers(lines, shared, last)], force=True)


def _hear_python() -> None:
    """What Python would print beside the log, with whatever it quotes. Who has put a hook there wants to hear of it."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_failed
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable
    logging.captureWarnings(capture=True)


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    """An exception where nobody can catch it: while an object is taken away, in a callback of a library in C."""
    get("log").error("unraisable", exc_info=args.exc_value or args.exc_type)


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value:
        name = args.thread.name if args.thread else None
        get("log").error("thread_failed", thread=name, exc_info=args.exc_value)


class _Strangers(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Python would print a message that does not fit its values with all of them, whosever they are."""
        get("log").error("line_unreadable", logger=record.name, file=record.filename, line=record.lineno)


def _strangers(
    lines: Any, shared: list[structlog.typing.Processor], last: list[structlog.typing.Processor]
) -> logging.Handler:
    """What logs as Python does, told as we tell ours: one line, masked."""
    handler = _Strangers(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_room, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    return handler


def _room(_logger: Any, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The library's logger stands for the room."""
    entry["room"] = entry["_record"].name
    return entry


def get(room: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(room=room)
    return logger


class Seldom:
    """For what would be said over and over: ``most`` times in ten seconds of each subject."""

    def __init__(self, most: int = 1) -> None:
        self._most = most
        self._due: dict[str, float] = {}
        self._left: dict[str, int] = {}
        self._untold: Counter[str] = Counter()

    def times(self, subject: str) -> int:
        """How many times it was since it was last said, this one among them; 0: it was said often enough."""
        now = time.monotonic()
        if len(self._due) > _MOST_SUBJECTS:
            for kept in (self._due, self._left, self._untold):
                kept.clear()
        self._untold[subject] += 1
        if now >= self._due.get(subject, 0.0):
            self._due[subject], self._left[subject] = now + _SELDOM_SECONDS, self._most
        left = self._left.get(subject, 0)
        if left <= 0:
            return 0
        self._left[subject] = left - 1
        return self._untold.pop(subject, 1)


class Spell:
    """For what fails over and over for as long as something is away: each thing is said once, again after ten minutes,
    and when all is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._times = 0
        self._began = self._last = 0.0

    def is_due(self, subject: str) -> bool:
        """It failed: whether that is to be said."""
        with self._lock:
            self._last, self._times = time.monotonic(), self._times + 1
            if not self._said:
                self._began = self._last
            if self._last - self._said.get(subject, -math.inf) < _AGAIN_SECONDS:
                return False
            if len(self._said) > _MOST_SUBJECTS:
                self._said.clear()
            self._said[subject] = self._last
            return True

    def over(self) -> dict[str, int] | None:
        """Something went well: for how many ``seconds`` it failed, and how many ``times``, if nothing has for a minute.

        Not before: while the disk is full, what has nothing to write goes well.
        """
        with self._lock:
            if not self._said or time.monotonic() - self._last < _CALM_SECONDS:
                return None
            told = {"seconds": round(self._last - self._began), "times": self._times}
            self._said.clear()
            self._times = 0
            return told
