"""Its tables, as ORM classes."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Engine, ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Source(Base):
    __tablename__ = "sources"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)


class Destination(Base):
    __tablename__ = "destinations"
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]


class Visitor(Base):
    __tablename__ = "visitors"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(unique=True)
    properties: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    visitor_id: Mapped[int] = mapped_column(ForeignKey("visitors.id"))
    name: Mapped[str] = mapped_column(index=True)
    distinct_id: Mapped[str] = mapped_column(unique=True)
    received_at: Mapped[datetime] = mapped_column(default=_now, index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    visitor: Mapped[Visitor] = relationship()
    dispatches: Mapped[list["Dispatch"]] = relationship(back_populates="event")


class Dispatch(Base):
    __tablename__ = "dispatches"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"))
    destination_id: Mapped[int] = mapped_column(ForeignKey("destinations.id"))
    state: Mapped[str] = mapped_column(default="pending", index=True)
    status: Mapped[int | None]
    event: Mapped[Event] = relationship(back_populates="dispatches")
    destination: Mapped[Destination] = relationship()


def open_database(url: str) -> Engine:
    """As durable as ours: WAL with a flush to disk at every commit."""
    engine = create_engine(url, connect_args={"timeout": 30}, pool_size=32)

    @event.listens_for(engine, "connect")
    def durable(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    return engine
