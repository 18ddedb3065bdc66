"""What is not as it should be with an installation, in words that name no visitor; and how such a concern is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ours import errors
from ours.core import subjects
from ours.core.breaker import PLUGIN_TIMEOUT

Kind = Literal[
    "failing", "paused", "ambiguous", "balance", "lost", "disk", "backlog", "plugin", "expiring", "ending",
    "unopened", "unfit", "database", "late", "clock", "refused", "queue", "rejecting",
]  # fmt: skip
Stage = Literal["opened", "still", "resolved", "test"]

_REMEDIES: dict[str, str] = {
    "failing": "It is probed, and resumes automatically. If it keeps failing, see its latest attempts on its page.",
    "rejecting": "Its latest attempts say why. Fix its mapping, its settings or the receiver; then"
    " `ours replay many --state rejected` sends them again. This is over once something arrives.",
    "paused": "Its latest attempts say what is wrong. Renew the credentials, or fix the settings or the plugin, then"
    " resume it. Its backlog is kept.",
    "ambiguous": "Check there which arrived. `ours replay many --state held --reason ambiguous` sends them again;"
    " `ours dispatch confirm` marks them as delivered.",
    "balance": "`ours balance --check` lists what is missing or duplicated. This is a bug in Ours: report it.",
    "lost": "`ours balance --check` lists them again. This is a bug in Ours: report it.",
    "disk": "Free up space, or lower OURS_MIN_FREE_MB.",
    "refused": "Callers get 503 and have to send again. Free up disk space, or find out why nothing is routed.",
    "backlog": "Check that the route worker is running, and add processors or a faster disk.",
    "plugin": "`ours plugin list` says why a plugin is not loaded. Fix it or put it back, then restart: running"
    " processes keep the plugins they started with, whatever that list says now.",
    "unopened": "Nothing is lost: put the key back, or see “What can't be opened” in docs/operations.md.",
    "unfit": "Fix it, and delivery resumes automatically; or put the plugin back as it was, and restart.",
    "database": "`ours doctor` says what is wrong. Fix it, and everything resumes automatically.",
    "queue": "`ours doctor` says what it answers. Check OURS_REDIS_URL, and that it runs and accepts writes; then"
    " everything resumes automatically.",
    "late": "Check that its workers are running, and their log; stop any that hangs. A destination's limits may"
    " be the cause.",
    "clock": "If the clock is wrong, correct it before then: after that, what is too old by it is deleted for good.",
    "ending": "Give whoever uses it a new one, then revoke this one: once it has expired, it is answered 401.",
    "expiring": "Resume the destination, settle what is held, or raise OURS_KEEP_HELD_DAYS.",
}
_LEADS: dict[str, str] = {"opened": "", "still": "Still: ", "resolved": "Resolved: ", "test": "Test: "}
_PLUGIN_DID = {
    PLUGIN_TIMEOUT: "has a plugin whose calls time out",
    "build_failed": "has a plugin that fails to build its requests",
    "send_failed": "has a plugin that fails to send",
    "read_failed": "has a plugin that fails to read its answers",
}
_MOST_LINES = 10
"""Of each kind."""


@dataclass(frozen=True, slots=True)
class Concern:
    """``subject`` says of what: ``destination 3``, ``plugin crm``, or nothing when it is about the whole."""

    kind: Kind
    subject: str
    words: str


@dataclass(frozen=True, slots=True)
class News:
    """What is told of a concern; ``since`` in milliseconds."""

    kind: str
    subject: str
    stage: Stage
    words: str
    since: int

    @property
    def said(self) -> str:
        """Where it stands. What ended, as it had to, is not said to be resolved."""
        is_over = self.kind in {"ending", "clock"} and self.stage == "resolved"
        return ("Over: " if is_over else _LEADS[self.stage]) + self.words

    @property
    def line(self) -> str:
        return f"{self.said} {self.advice}".rstrip()

    @property
    def advice(self) -> str:
        """What to do while it lasts."""
        return remedy(self.kind) if self.stage in {"opened", "still"} else ""


def remedy(kind: str) -> str:
    return _REMEDIES.get(kind, "")


def title(news: Sequence[News]) -> str:
    """One line for all of it."""
    first = _grouped(news)[0][0].said
    return first if len(news) == 1 else f"{first} (and {len(news) - 1} more)"


def text(news: Sequence[News]) -> str:
    """What happens at once is one message: a line for each, and what to do once for each kind."""
    return "\n".join(line for group in _grouped(news) for line in _lines(group))


def _grouped(news: Sequence[News]) -> list[list[News]]:
    """By kind, what lasts before what is over, and the rarest first: among hundreds of one kind nobody would see the
    other."""
    groups: dict[tuple[str, str], list[News]] = {}
    for one in news:
        groups.setdefault((one.kind, one.stage), []).append(one)
    return sorted(groups.values(), key=lambda group: (group[0].stage == "resolved", len(group)))


def _lines(group: Sequence[News]) -> Iterator[str]:
    if len(group) == 1:
        yield group[0].line
        return
    yield from (one.said for one in group[:_MOST_LINES])
    if len(group) > _MOST_LINES:
        yield f"… and {len(group) - _MOST_LINES:,} more."
    if group[0].advice:
        yield f"→ {group[0].advice}"


def failing(destination_id: int, name: str, why: str) -> Concern:
    words = f"“{name}” is failing: {why}. Everything owed to it is held."
    return Concern("failing", subjects.destination(destination_id), words)


def rejecting(destination_id: int, name: str, count: int) -> Concern:
    words = f"“{name}” rejects everything: the last {count:,} dispatches were rejected, and none arrived."
    return Concern("rejecting", subjects.destination(destination_id), words)


def paused(destination_id: int, name: str, why: str = "auth_failed") -> Concern:
    did = _PLUGIN_DID.get(why, "refused our credentials or settings")
    return Concern("paused", subjects.destination(destination_id), f"“{name}” {did} and was paused.")


def ambiguous(destination_id: int, name: str, count: int) -> Concern:
    are = "It is" if count == 1 else "They are"
    owed = _count(count, "dispatch", "es")
    words = f"“{name}” has {owed} that may or may not have arrived. {are} held, and not sent again."
    return Concern("ambiguous", subjects.destination(destination_id), words)


def expiring(destination_id: int, name: str, count: int, days: int) -> Concern:
    words = f"“{name}” has {_count(count, 'dispatch', 'es')} on hold that will be given up within {_days(days)}."
    return Concern("expiring", subjects.destination(destination_id), words)


def ending_token(token_id: int, name: str, ends: str) -> Concern:
    return Concern("ending", subjects.token(token_id), f"The token “{name}” expires at {ends}.")


def ending_key(source_id: int, name: str, key: str, ends: str) -> Concern:
    """``key``: its mode and number."""
    words = f"“{name}” still sends with its old {key}, which expires at {ends}."
    return Concern("ending", f"{subjects.source(source_id)}, {key}", words)


def balance(difference: int) -> Concern:
    count = abs(difference)
    what = "missing" if difference > 0 else "too many"
    return Concern("balance", "", f"The balance is not zero: {_count(count, 'decision')} {what}.")


def lost(faults: int) -> Concern:
    words = f"{_count(faults, 'pair')} of event and destination {_are(faults)} missing or duplicated."
    return Concern("lost", "", words)


def disk(free_mb: int, least_mb: int) -> Concern:
    after = f"below {least_mb:,} MB, new events are refused"
    return Concern("disk", "", f"The data folder's disk is nearly full: {_roughly(free_mb)} left; {after}.")


def refused_for_disk(least_mb: int) -> Concern:
    """A concern of its own: that the disk fills was told before, perhaps days ago."""
    return Concern("refused", "disk", f"New events are refused: less than {least_mb:,} MB is free in the data folder.")


def refused_for_backlog(most: int) -> Concern:
    return Concern("refused", "backlog", f"New events are refused: {most:,} are already waiting to be routed.")


def database(why: str, room: Sequence[str]) -> Concern:
    """``why``: what can't be done with it. ``room``: what there is to say of the disk."""
    return Concern("database", "", " ".join([why, "New events are refused, and nothing is delivered.", *room]))


def queue(minutes: int) -> Concern:
    words = f"The queue has been unreachable for {minutes} minutes. The scheduler does the workers' work alone: nothing"
    return Concern("queue", "", f"{words} is lost, but everything takes longer.")


def leapt(rests_until: str) -> Concern:
    what = "The clock jumped ahead by more than a day, or no scheduler ran for that long."
    return Concern("clock", "", f"{what} Nothing is deleted until {rests_until}.")


def backlog(waiting: int, most: int) -> Concern:
    share = min(100 * waiting // most, 100) // 10 * 10
    words = f"The backlog has reached {share}% of its limit: at {most:,} events, new ones are refused."
    return Concern("backlog", "", words)


def unrouted(minutes: int) -> Concern:
    words = f"An event has waited over {minutes} minutes to be routed, and nothing that came after it is delivered."
    return Concern("late", "", words)


def undelivered(destination_id: int, name: str, minutes: int) -> Concern:
    words = f"“{name}” has a dispatch that was due over {minutes} minutes ago and has not been sent."
    return Concern("late", subjects.destination(destination_id), words)


def plugin(name: str, reason: str) -> Concern:
    return Concern("plugin", subjects.plugin(name), f"The plugin {name} was set aside. {reason}")


def unloaded(destination_id: int, name: str, slug: str) -> Concern:
    words = f"“{name}” needs the plugin {slug}, which is not loaded. Everything owed to it is held."
    return Concern("plugin", subjects.destination(destination_id), words)


def unfit(destination_id: int, name: str, why: str) -> Concern:
    return Concern("unfit", subjects.destination(destination_id), f"“{name}” holds everything owed to it. {why}")


def unopened(reason: str, events: int, dispatches: int) -> Concern:
    found = [_count(events, "event"), _count(dispatches, "dispatch", "es")]
    waiting = " and ".join(one for one in found if one)
    return Concern("unopened", reason, errors.unopened(waiting, reason, many=events + dispatches > 1))


def _count(count: int, noun: str, ending: str = "s") -> str:
    return f"{count:,} {noun}{'' if count == 1 else ending}" if count else ""


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _days(days: int) -> str:
    return "a day" if days <= 1 else f"{days} days"


def _roughly(mb: int) -> str:
    """Two digits, so that the words do not change with every file."""
    size = 10 ** max(len(str(mb)) - 2, 0)
    return f"{mb // size * size:,} MB"
