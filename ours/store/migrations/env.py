"""Alembic's entry: works on the connection that ``ours.store.migrate`` hands over."""

from typing import Any, Literal

from alembic import context

from ours.store.tables import metadata
from ours.store.tables.types import Id, Number


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Our own column types by their names."""
    if kind == "type" and isinstance(item, Id):
        return "Id()"
    return "Number" if kind == "type" and item is Number else False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """A table's partitions are no tables of ours."""
    return kind != "table" or name in metadata.tables


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
    include_name=include_name,
)
with context.begin_transaction():
    context.run_migrations()
