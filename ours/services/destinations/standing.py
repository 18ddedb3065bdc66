"""Whether a destination is there at all, and still there: said in one sentence where it is not."""

from typing import Any

from ours.errors import Invalid, NotFound


def known(row: Any | None, destination_id: int) -> Any:
    """:raises NotFound: when there never was one."""
    if row is None:
        raise NotFound(f"There is no destination {destination_id}. `ours destination list` shows those there are.")
    return row


def alive(row: Any | None, destination_id: int) -> Any:
    """:raises Invalid: when it was removed."""
    there = known(row, destination_id)
    if there.status == "removed":
        raise Invalid(f'The destination "{there.name}" was removed, and that is for good. Add a new one.')
    return there
