"""The form of a backup: gzipped lines of JSON, the same for SQLite and PostgreSQL.

The first line says what it is. A line per table names its columns, and its rows follow, each a list. The last line has
the counts: a file without it is not whole. What is sealed stays sealed, and the keys are not in it. The last line is a
seal, too, on all lines before it: who has no key can't write a backup, nor change one. Version 1 had no such seal.
"""

import base64
import fcntl
import glob
import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeEngine

from ours.errors import Damaged, Invalid

NAME, VERSION = "ours backup", 2
_SEALED = 2
_LEVEL = 1  # most of it is sealed, and does not get smaller


Seal = Callable[[bytes], bytes]
"""Seals the digest of all that a backup holds, or opens one that was sealed."""


@dataclass(frozen=True, slots=True)
class Head:
    """``revision`` is the newest migration; ``sequences`` the highest number given out, by table."""

    revision: str
    at: int
    sequences: Mapping[str, int]
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Section:
    """A table's rows. They can be walked once, before the next section."""

    table: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """``counts`` is complete once all sections were walked."""

    head: Head
    sections: Iterator[Section]
    counts: dict[str, int] = field(default_factory=dict)


@contextmanager
def writing(path: Path) -> Iterator[gzip.GzipFile]:
    """A file that only we may read, and that is there under its name once it is whole and on disk."""
    try:
        handle, part = _part_of(path)
        try:
            with os.fdopen(handle, "wb") as raw:
                with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_LEVEL, filename="") as file:
                    yield file
                raw.flush()
                os.fsync(raw.fileno())
            part.replace(path)
        except BaseException:
            part.unlink()
            raise
    except OSError as error:
        raise Invalid(f"{path} can't be written: {error.strerror}.") from None


def _part_of(path: Path) -> tuple[int, Path]:
    """A file of its own, for two may write at once, and locked: one that nobody holds was left by who was killed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    handle, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)
    with suppress(OSError):  # a disk of the network may know no locks
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if Path(name).exists():
        return handle, Path(name)
    os.close(handle)  # another took it for left in that very moment
    return _part_of(path)


def write(
    file: gzip.GzipFile, head: Head, sections: Iterable[Section], binary: Mapping[str, set[str]], seal: Seal
) -> dict[str, int]:
    """Write all; answers the counts. ``binary``: by table, the columns that hold bytes."""
    counts: dict[str, int] = {}
    digest = hashlib.sha256()

    def put(value: Any) -> None:
        line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
        digest.update(line)
        file.write(line)

    put({"what": NAME} | asdict(head))
    for section in sections:
        names = [name for name in section.columns if name in binary[section.table]]
        put({"table": section.table, "columns": section.columns, "bytes": names})
        counts[section.table] = 0
        for row in section.rows:
            put([_text(value) for value in row])
            counts[section.table] += 1
    put({"counts": counts, "seal": _text(seal(digest.digest()))})
    return counts


@contextmanager
def reading(path: Path, unseal: Seal | None = None, *, sealed: bool = True) -> Iterator[Reading]:
    """``unseal`` opens its seal; without it, nobody asks whether it was changed. ``sealed``: it must have one.

    :raises Invalid: now or while it is read, when it is no backup, not a whole one, or was changed.
    :raises Unsealable: when its seal can't be opened.
    """
    try:
        with gzip.open(path, "rb") as file:
            lines = _Lines(path, file)
            head = _head(path, lines)
            if unseal and sealed and head.version < _SEALED:
                raise Invalid(
                    f"{path} was made before backups were sealed: nobody can say whether it was changed since."
                    " If you know that it was not, take it with --unsealed."
                )
            counts: dict[str, int] = {}
            yield Reading(head, _sections(lines, counts, head, unseal), counts)
    except (EOFError, gzip.BadGzipFile, zlib.error, orjson.JSONDecodeError):
        raise Invalid(f"{path} is damaged, or not a complete backup.") from None
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror or error}.") from None


def is_binary(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, LargeBinary)


@dataclass(frozen=True, slots=True)
class _Columns:
    """``binary``: the places of those that hold bytes."""

    table: str
    names: Sequence[str]
    binary: Sequence[int]


class _Lines:
    """The file's lines as values, with one that was read too far put back."""

    def __init__(self, path: Path, file: gzip.GzipFile) -> None:
        self._path = path
        self._file = file
        self._back: list[Any] = []
        self._last = b""
        self._hash = hashlib.sha256()  # of all lines but the last

    def take(self) -> Any:
        if self._back:
            return self._back.pop()
        line = self._file.readline()
        if not line:
            raise Invalid(f"{self._path} ends too soon: it is not a complete backup.")
        self._hash.update(self._last)
        self._last = line
        return orjson.loads(line)

    def rows(self, section: "_Columns", counts: dict[str, int]) -> Iterator[Sequence[Any]]:
        while isinstance(row := self.take(), list):
            if len(row) != len(section.names):
                raise self.refuse()
            with self.understood():
                for place in section.binary:
                    row[place] = None if row[place] is None else base64.b64decode(row[place])
            counts[section.table] += 1
            yield row
        self._back.append(row)

    def more(self) -> bool:
        """Whether anything follows; also reads the checksum, which stands at the end."""
        return bool(self._file.read(1))

    @contextmanager
    def understood(self) -> Iterator[None]:
        """The checksum stands at the very end: until then a damaged line can be anything."""
        try:
            yield
        except (TypeError, ValueError, LookupError, AttributeError):
            raise self.refuse() from None

    def match(self, last: Mapping[str, Any], unseal: Seal) -> None:
        """:raises Invalid: when the seal in the last line is not that of the lines before it."""
        with self.understood():
            seal = base64.b64decode(last["seal"])
        try:
            digest = unseal(seal)
        except Damaged:
            digest = b""
        if digest != self._hash.digest():
            raise Invalid(f"{self._path} was changed after it was made: its seal does not match.")

    def refuse(self) -> Invalid:
        return Invalid(f"{self._path} is damaged: a line is not valid.")


def _head(path: Path, lines: _Lines) -> Head:
    head = lines.take()
    if not isinstance(head, dict) or head.get("what") != NAME:
        raise Invalid(f"{path} is not a backup made by ours.")
    with lines.understood():
        if head["version"] > VERSION:
            raise Invalid(f"{path} was made by a newer version of ours. Update first.")
        return Head(str(head["revision"]), int(head["at"]), dict(head["sequences"]), int(head["version"]))


def _sections(lines: _Lines, counts: dict[str, int], head: Head, unseal: Seal | None) -> Iterator[Section]:
    while True:
        line = lines.take()
        with lines.understood():
            if "counts" in line:
                break
            names = [str(name) for name in line["columns"]]
            section = _Columns(str(line["table"]), names, [names.index(one) for one in line["bytes"]])
        counts[section.table] = 0
        rows = lines.rows(section, counts)
        yield Section(section.table, section.names, rows)
        for _ in rows:
            pass  # whoever did not want them all
    if line["counts"] != counts or lines.more():
        raise lines.refuse()
    if unseal and head.version >= _SEALED:
        lines.match(line, unseal)


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
