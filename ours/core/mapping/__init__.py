"""Templates that say what leaves: ``{{event.event_properties.value}}`` in a destination's field. Nothing else goes.

A template that is one path alone gives the value as it is, numbers and objects too; a path that leads nowhere, or to
null, leaves the field out. Text around paths makes text: what is missing is empty there, objects become JSON. An empty
template leaves its field out: so an operator takes back a field of the plugin's default mapping. A row may modify its
value on the way out.

Layers are laid one over the other, field by field: the plugin's rows, the operator's, and those of the first
conditional mapping whose conditions hold. The row of the field ``$event`` renames the event: all other rows see the
new name.
"""

from ours.core.mapping.compiling import Compiled, MappingInvalid, Row, compile_mapping
from ours.core.mapping.mapper import Case, Mapper, Released, released
from ours.core.mapping.rows import EVENT_NAME, Rows, lay_over, read_rows, write_rows
from ours.core.paths import Context, context_of

__all__ = [
    "EVENT_NAME", "Case", "Compiled", "Context", "Mapper", "MappingInvalid", "Released", "Row", "Rows",
    "compile_mapping", "context_of", "lay_over", "read_rows", "released", "write_rows",
]  # fmt: skip
