"""Reads what is too long for options: a JSON or YAML file, or ``-`` for stdin. Writes files whole, or not at all."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from ours.errors import Invalid


def read_document(place: str) -> Any:
    """:raises Invalid: when there is no such file, or it is neither JSON nor YAML."""
    from ours.core import documents

    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        return documents.read(text)
    except OSError as error:
        raise Invalid(f"{place} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{place} is not UTF-8 text.") from None
    except documents.Unreadable as error:
        raise Invalid(f"{place} is neither JSON nor YAML: {error}.") from None


@contextmanager
def new_file(path: Path, mode: int = 0o600) -> Iterator[IO[str]]:
    """A file that was not there before, and is not there afterwards unless all could be written.

    Until then it is empty, and what there is of it stands in ``PATH.part``: whoever is killed leaves no half of it.

    :raises UsageError: when it is there, or can't be made.
    :raises Invalid: when not all could be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with _begun(path, mode), _begun(part, mode) as file:
            yield file
            file.close()
            part.replace(path)
    except OSError as error:
        raise Invalid(f"{path} can't be written: {error.strerror}. The incomplete file was deleted.") from None


@contextmanager
def _begun(path: Path, mode: int) -> Iterator[IO[str]]:
    """A new file, which is gone when the block fails."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise click.UsageError(f"{path} can't be made: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
