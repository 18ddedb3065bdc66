"""``ours bench``: what this machine carries, what holds it back, and when its disk is full."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ours import clock
from ours.cli.shell import Shell, json_option, pass_shell

if TYPE_CHECKING:
    from ours.cli.trial import Measured

_BUSY = 0.85
_SLOW_FLUSH = 5.0
_DAY_HOURS = 24


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 600), default=10, show_default=True, help="How long to send.")
@click.option("--connections", type=click.IntRange(1, 512), default=32, show_default=True, help="Requests at once.")
@json_option
@pass_shell
def bench(shell: Shell, seconds: float, connections: int) -> None:
    """Measure what this machine can carry. Prints events per second, the time an answer takes, and what limits it.

    It starts a server of its own in a new folder on the same disk, with the embedded database and a destination that
    writes to a file, and removes it again. It only asks your installation how much it takes in a day. If another
    server is running, you measure the capacity that is left.
    """
    from ours.cli.trial import measure

    home = shell.settings.home
    measured = measure(_there(home), seconds, connections)
    shell.show({**_told(measured), **_disk(shell, measured.bytes_per_event)})


def _there(folder: Path) -> Path:
    """The nearest folder that exists: it is on the same disk."""
    return folder if folder.is_dir() else _there(folder.parent)


def _told(measured: "Measured") -> Mapping[str, Any]:
    return {
        "eventsPerSecond": round(measured.accepted),
        "deliveredPerSecond": round(measured.delivered),
        "failed": measured.failed,
        "p50Ms": round(measured.p50, 1),
        "p95Ms": round(measured.p95, 1),
        "p99Ms": round(measured.p99, 1),
        "flushMs": round(measured.flush, 2),
        "processorsBusy": None if measured.busy is None else round(measured.busy, 2),
        "bottleneck": bottleneck(measured),
    }


def bottleneck(measured: "Measured") -> str:
    """What to change first, in a sentence."""
    if measured.busy is not None and measured.busy >= _BUSY:
        return "The processors: they were in use almost all the time. More of them, or a second machine, carry more."
    if measured.flush >= _SLOW_FLUSH:
        return f"The disk: it takes {measured.flush:.1f} ms to make a page durable. A faster disk answers sooner."
    return "Neither processors nor disk: more requests at once (--connections), or batches, carry more."


def _disk(shell: Shell, bytes_per_event: float) -> Mapping[str, Any]:
    import shutil

    settings = shell.settings
    hours = () if shell.missing else shell.ours.overview.hours(_DAY_HOURS)
    per_day = sum(slot.live + slot.test for slot in hours)
    room = shutil.disk_usage(_there(settings.home)).free - settings.min_free_mb * 1024 * 1024
    full, sentence = outlook(per_day, bytes_per_event, room, settings.keep_events_days)
    return {
        "bytesPerEvent": round(bytes_per_event),
        "eventsLastDay": per_day,
        "diskFullOn": full,
        "disk": sentence,
    }


def outlook(per_day: int, bytes_per_event: float, room: float, days_kept: int) -> tuple[str | None, str]:
    """The day on which ``room`` bytes are used up at this rate, if that comes before retention makes room; and why."""
    grows = per_day * bytes_per_event
    if not grows:
        return None, "Nothing came in during the last 24 hours, so nothing fills the disk."
    days = max(room, 0) / grows
    if days >= days_kept:
        return (
            None,
            f"Never at this rate: what is kept for {days_kept} days comes to {grows * days_kept / 1e9:,.1f} GB.",
        )
    day = datetime.fromtimestamp(clock.now_ms() / 1000, UTC) + timedelta(days=days)
    return day.date().isoformat(), f"In {days:,.0f} days at this rate. Keep events for fewer days, or add disk."
