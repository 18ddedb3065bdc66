"""A log that can't be written."""

import errno
import io


class FullDisk(io.StringIO):
    """What stderr is when it goes to a file, and the disk of that is full."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")
