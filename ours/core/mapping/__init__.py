"""Templates that say what leaves: ``{{event.event_properties.value}}`` in a destination's field. Nothing else goes.

A template that is one path alone gives the value as it is, numbers and objects too; a path that leads nowhere, or to
null, leaves the field out. Text around paths makes text: what is missing is empty there, objects become JSON. An empty
template leaves its field out: so an operator takes back a field of the plugin's default mapping.
"""

from ours.core.mapping.compiling import Compiled, MappingInvalid, Row, compile_mapping
from ours.core.mapping.paths import Context, context_of

__all__ = ["Compiled", "Context", "MappingInvalid", "Row", "compile_mapping", "context_of"]
