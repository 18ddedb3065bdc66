"""Engines for tests: each test has a database of its own, for which SQLAlchemy would compile every statement anew."""

from typing import Any

import sqlalchemy
from sqlalchemy.util import LRUCache


class _Compiled(LRUCache[Any, Any]):
    """What was compiled for one database serves all that are alike."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_alike(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_alike(key), value)


_compiled = _Compiled(5_000)


def create_engine(*args: Any, **options: Any) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(*args, **options)
    engine._compiled_cache = _compiled
    return engine


def _alike(key: Any) -> Any:
    dialect, *rest = key
    return dialect.name, *rest
