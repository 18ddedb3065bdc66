"""What a database, or its driver, says when it can't be used just now."""

from typing import Any

from sqlalchemy import Engine, exc

from ours import processes

_DENIED, _LOCKED = "42501", "55P03"
"""SQLSTATE: our role lacks a right; a lock was waited for, for as long as anybody should."""
_NOT_NOW = "25006", "25P03", "25P04", _DENIED
"""SQLSTATE: the server takes no writes (a standby, or it was told so); it ended us for a pause in a transaction, or for
a transaction that took too long."""
_WHY = {
    _DENIED: ": our role there lacks a right",
    _LOCKED: ": another session keeps a lock on it, and `ours doctor` says which",
}
_CANT_OPEN = "unable to open database file"


def kinds(engine: Engine) -> tuple[type[Exception], ...]:
    """What SQLAlchemy, or the driver beneath it, raises then."""
    driver: Any = engine.dialect.loaded_dbapi
    raised = exc.TimeoutError, exc.OperationalError, driver.OperationalError
    return raised if engine.dialect.name == "sqlite" else (*raised, *map(driver.errors.lookup, _NOT_NOW))


def is_told_by_state(error: Exception) -> bool:
    """Whether PostgreSQL's code says so, whatever kind it is raised as."""
    return state(error) in _NOT_NOW


def why(error: Exception) -> str:
    """What is to follow "it can't be used"; mostly nothing."""
    return _WHY.get(state(error), "")


def cause(error: Exception) -> str:
    """What the driver said, in one line."""
    original = getattr(error, "orig", None) or error
    said = str(original).splitlines()[0] if str(original) else type(original).__name__
    if said == _CANT_OPEN and processes.is_out_of_files():
        return f"{said}: this process has as many files open as it may, see `ulimit -n`"
    return said


def state(error: BaseException | None) -> str:
    """PostgreSQL's code (SQLSTATE) for what failed; empty for what has none."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""
