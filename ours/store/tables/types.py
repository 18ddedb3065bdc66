"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, BigInteger, Dialect, Integer, MetaData, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Numbers people can say aloud (sources, destinations, …). Only INTEGER makes SQLite number the rows itself.
Number = BigInteger().with_variant(Integer(), "sqlite")
Moment = BigInteger


class Id(TypeDecorator[str]):
    """32 hex digits: text on SQLite, the native 16-byte ``uuid`` on PostgreSQL."""

    impl = CHAR(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Uuid(as_uuid=True) if dialect.name == "postgresql" else CHAR(32))

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], Any] | None:
        """None: SQLite's values are what they shall be, so that no time is spent on each."""
        return _native if dialect.name == "postgresql" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None] | None:  # noqa: ARG002
        return _plain if dialect.name == "postgresql" else None


def one_of(column: str, *values: str) -> str:
    """SQL for what a row is held to when it is written: for an IN, SQLite would make a little table each time."""
    return "({})".format(" OR ".join(f"{column} = '{value}'" for value in values))


def plain(value: UUID | str) -> str:
    """An id as the driver gives it, as 32 hex digits."""
    return value.hex if isinstance(value, UUID) else value


def _native(value: str | None) -> UUID | None:
    return None if value is None else UUID(hex=value)


def _plain(value: UUID | None) -> str | None:
    return None if value is None else value.hex
