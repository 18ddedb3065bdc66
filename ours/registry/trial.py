"""Tries one plugin, far from all others: pluggy isolates nothing by itself, and a stranger's code may do anything."""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pluggy import PluginManager, PluginValidationError

from ours import timebox
from ours.core.mapping import MappingInvalid, compile_mapping
from ours.errors import in_words
from ours.plugin import Destination
from ours.plugin.checking import faults
from ours.plugin.spec import HOOK, PROJECT, Spec
from ours.plugin.tracing import line_of, place_of
from ours.registry import extras, shared
from ours.registry.finding import Candidate

_LONGEST = 500
_T = TypeVar("_T")


class Refusal(NamedTuple):
    """What can't be admitted, and a sentence on why and how to mend it. ``install``: the line that alone mends it."""

    name: str
    reason: str
    install: str | None = None


Trial = tuple[list[Destination], list[Refusal]]
"""Every sound destination of a plugin, and every refusal."""


class Unfit(Exception):
    """The reason to set something aside. ``lacks``: a module that is not installed, when that is all."""

    def __init__(self, reason: str, lacks: str | None = None) -> None:
        super().__init__(reason)
        self.lacks = lacks


def attempt(candidate: Candidate) -> Trial:
    """Raises nothing but the operator's Ctrl-C.

    What does not end in time is refused; what it prints goes to stderr, for stdout may be somebody's document.
    """
    with timebox.armed(), redirect_stdout(sys.stderr), _no_thread_that_outlives_us():
        before: shared.Doors = () if candidate.origin == "built-in" else shared.doors()
        tried = _attempt(candidate)
        if taken := shared.put_back(before):
            reason = f"It replaced {taken}, which all plugins share with Ours. Leave it, and use one of your own."
            return [], [Refusal(candidate.name, reason)]
        return tried


@contextmanager
def _no_thread_that_outlives_us() -> Iterator[None]:
    """A thread takes after the one that starts it: of a plugin's own, none keeps a process that has done its work."""
    here: Any = threading.current_thread()
    before, here._daemonic = here._daemonic, True  # noqa: SLF001 - its door is shut while it runs
    try:
        yield
    finally:
        here._daemonic = before  # noqa: SLF001 - as above


def _attempt(candidate: Candidate) -> Trial:
    try:
        announced = _announced(candidate)
    except Unfit as verdict:
        return [], [_refusal(candidate.name, verdict, candidate)]
    admitted, refused = [], []
    for kind in announced:
        try:
            admitted.append(_instance(kind))
        except Unfit as verdict:
            refused.append(_refusal(f"{candidate.name}:{_name(kind)}", verdict, candidate))
    return admitted, refused


def _refusal(name: str, verdict: Unfit, candidate: Candidate) -> Refusal:
    if not verdict.lacks:
        return Refusal(name, str(verdict))
    if reason := extras.no_package(verdict.lacks, Path(candidate.where)):
        return Refusal(name, reason)
    line = extras.line_for(verdict.lacks, candidate.distribution)
    reason = f"It needs the module {verdict.lacks}, which is not installed. Install it and restart: `{line}`."
    mendable = candidate.origin != "built-in" or extras.extra_with(verdict.lacks, candidate.distribution)
    return Refusal(name, reason, line if mendable else None)


def _announced(candidate: Candidate) -> list[Any]:
    plugin = _guarded("while it was imported", candidate.load)
    manager = PluginManager(PROJECT)
    manager.add_hookspecs(Spec)
    callers = _guarded("while it was registered", lambda: _registered(manager, plugin))
    try:
        manager.check_pending()
    except PluginValidationError:
        unknown = ", ".join(caller.name for caller in callers if not caller.has_spec())
        raise Unfit(f"It implements {unknown}, which is no hook. The only hook is {HOOK}.") from None
    announced = _guarded(
        f"in {HOOK}", lambda: [kind for result in manager.hook.register_destinations() for kind in _each(result)]
    )
    if not announced:
        raise Unfit(f"Its {HOOK} returned no destination: return a list of classes.")
    return announced


def _registered(manager: PluginManager, plugin: object) -> list[Any]:
    manager.register(plugin)
    if not (callers := manager.get_hookcallers(plugin)):
        raise Unfit(_no_hook(plugin))
    return callers


def _instance(kind: Any) -> Destination:
    def make() -> Destination:
        if wrong := faults(kind):
            raise Unfit(" ".join(wrong))
        if lacks := extras.first_missing(kind.needs):
            raise Unfit(f"It needs {lacks}.", lacks)
        destination: Destination = kind()
        destination.Settings()
        compile_mapping(destination.default_mapping)
        return destination

    return _guarded(f"while {_name(kind)} was checked", make)


def _no_hook(plugin: object) -> str:
    if callable(getattr(plugin, HOOK, None)):
        return f"Its {HOOK} is not marked as a hook: decorate it with @hookimpl from ours.plugin."
    return f"It has no hook: write a function {HOOK} that returns your classes, decorated with @hookimpl."


def _each(result: Any) -> list[Any]:
    if isinstance(result, type):
        raise Unfit(f"Its {HOOK} returned a class: return a list of classes, [{result.__name__}].")
    if isinstance(result, Destination):
        raise Unfit(f"Its {HOOK} returned an instance: return a list of classes, [{type(result).__name__}].")
    return list(result)


def _guarded(moment: str, call: Callable[[], _T]) -> _T:
    try:
        return timebox.limited(call)
    except (Unfit, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit and worse too: no plugin ends the house
        raise Unfit(_reason(error, moment), _lacking(error)) from error


def _reason(error: BaseException, moment: str) -> str:
    match error:
        case SystemExit():
            return f"It tried to end the process (SystemExit) {moment}."
        case timebox.TooLong():
            place = place_of(error)
            return f"It had not ended after {timebox.SECONDS:.0f} seconds {moment}{f' ({place})' if place else ''}."
        case SyntaxError():
            return f"{Path(error.filename or 'It').name} is not valid Python: line {error.lineno}, {error.msg}."
        case MappingInvalid():
            return f"Its default_mapping can't be read. {in_words(error.errors)}"
        case ImportError() if "no known parent package" in str(error):
            return (
                "A file alone has no neighbours to import by `from .`: put them into one folder, the plugin as its"
                " __init__.py."
            )
    told = " ".join(traceback.format_exception_only(error)[-1].split())[:_LONGEST]
    line = line_of(error)
    return f"It raised an error {moment}: {told.rstrip('.')}{f' ({line})' if line else ''}."


def _lacking(error: BaseException) -> str | None:
    return error.name if isinstance(error, ModuleNotFoundError) else None


def _name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else type(kind).__name__
