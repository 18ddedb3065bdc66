"""What was told of a database that can't keep it lies in a file in the data folder: whoever is started next goes on."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from ours import log, processes
from ours.once import once

_logger = log.get("alerts")
_NAME = "database.told"
_UNKNOWN = "It could not be written."


@dataclass(frozen=True, slots=True)
class Mark:
    """Since when it lasts and when it was told last, in milliseconds; in which words, and to which channels.

    ``channels``: those that are owed the end; None for all. ``is_over``: some were told the end already.
    """

    since: int
    told_at: int
    words: str = _UNKNOWN
    channels: tuple[str, ...] | None = None
    is_over: bool = False


class Marker:
    """``mark`` is what was told last and whose end was not; None: there is nothing."""

    def __init__(self, home: Path) -> None:
        self._file = home / _NAME

    @once
    def mark(self) -> Mark | None:
        """As an earlier process left it. A file that says nothing, as on a full disk, tells by being there."""
        try:
            made = self._file.stat().st_mtime_ns // 1_000_000
            text = self._file.read_bytes()
        except OSError:
            return None
        try:
            said = orjson.loads(text)
            return Mark(**said | {"channels": tuple(said["channels"])})
        except (ValueError, TypeError, LookupError):
            return Mark(made, made)

    def keep(self, mark: Mark) -> None:
        """Where that can't be written, this process knows it, and no other."""
        self.mark = mark
        try:
            with processes.private(self._file) as file:
                file.truncate(0)
                file.write(orjson.dumps(asdict(mark)))
        except OSError as error:
            _logger.warning("mark_not_kept", file=str(self._file), error=error.strerror)

    def drop(self) -> None:
        self.mark = None
        with suppress(OSError):
            self._file.unlink()
