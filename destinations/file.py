"""JSON Lines in a folder: the destination that needs no account anywhere."""

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ours.plugin import (
    EVENT_MAPPING,
    Batching,
    Delivered,
    Delivery,
    Destination,
    Network,
    Outcome,
    Request,
    Retry,
    Schema,
    ValidationError,
    envelope,
    fields,
    hookimpl,
    iso,
    to_json,
)


def absolute(folder: str) -> None:
    if not Path(folder).is_absolute() or "\0" in folder:
        raise ValidationError("Must be an absolute path, such as /var/lib/ours/events.")


class File(Destination):
    """Each event is one line of JSON, `{"id", "type", "timestamp", "data"}`, appended to a file a day:
    `2026-11-23.jsonl` for what happened on that day in UTC. `data` holds the fields of the mapping.

    The folder is made if it is missing (mode 0700); its files can be read by their owner only (0600). A line is on
    the disk before it counts as delivered. While the folder can't be written (a full disk, missing rights),
    deliveries wait and are tried again. What comes within a twentieth of a second is written together.

    A delivery that is tried again writes its line again, with the same `id`: keep the first of each. A line that is
    no JSON is what a power cut or a full disk left of a write; the whole line follows.
    """

    slug = "file"
    label = "File"
    summary = "Appends each event as a line of JSON to a daily file in a folder on this machine."
    dedupes = True
    batching = Batching(max_items=500, linger=0.05)
    default_mapping = EVENT_MAPPING

    class Settings(Schema):
        folder = fields.String(required=True, validate=absolute, metadata={
            "label": "Folder", "example": "/var/lib/ours/events",
            "help": "Where the files are written, as an absolute path on the machine that delivers."})  # fmt: skip

    def item(self, delivery: Delivery) -> Any:
        return {"id": delivery.id} | envelope(delivery)

    def group(self, delivery: Delivery) -> str:
        return iso(delivery.event.occurred_at)[:10]

    def pack(self, items: Sequence[Any], settings: Mapping[str, Any]) -> Request:
        lines = b"".join(to_json(item) + b"\n" for item in items)
        return Request("POST", Path(settings["folder"], f"{items[0]['timestamp'][:10]}.jsonl").as_uri(), data=lines)

    def send(self, request: Request, settings: Mapping[str, Any], network: Network) -> Outcome:  # noqa: ARG002
        try:
            append(Path(settings["folder"], request.url.rpartition("/")[2]), request.data)
        except OSError as error:
            return Retry("file_unwritable", f"The file can't be written: {error.strerror}.")
        return Delivered()


def append(file: Path, lines: bytes) -> None:
    """Add ``lines`` and see them onto the disk; one that was cut short before is closed off first."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        whole = b"\n" + lines if torn else lines
        if os.write(handle, whole) < len(whole):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    if size == 0:  # The file is new: its name must reach the disk too.
        with _opened(file.parent, os.O_RDONLY) as folder:
            os.fsync(folder)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    handle = os.open(path, flags, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@hookimpl
def register_destinations() -> list[type[Destination]]:
    return [File]
