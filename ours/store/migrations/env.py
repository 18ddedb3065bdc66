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


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
