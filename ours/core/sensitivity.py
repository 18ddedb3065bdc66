"""Which paths lead to what names, places or finds a person, and which rows would let it out in clear."""

from collections.abc import Collection, Iterator, Mapping

from ours.core.agreements import HASHED_ONLY
from ours.core.mapping.compiling import Compiled, compile_mapping
from ours.core.modifications import HASHES, NULL
from ours.core.paths import Path
from ours.plugin.mapped import Mapped

_PERSONAL = "email phone_number first_name last_name date_of_birth gender city zip ip id external_id custom_properties"
_OF_VISITOR = frozenset(_PERSONAL.split())
_OF_EVENT = frozenset({"event.user_id", "event.external_id", "event.request_context.ip", "event.event_properties",
                       "event.default_properties", "event.default_properties.ip"})  # fmt: skip
_COARSE = HASHES | {NULL, "Redacted", "FakeIP", "RegionalIP", "DmaIP"}


def is_sensitive(path: Path) -> bool:
    """Whether it can lead to a person. Whole bags can: nobody knows what is in them."""
    if path.text in _OF_EVENT:
        return True
    root, _, rest = path.text.partition(".")
    return root == "visitor" and rest.partition(".")[0] in _OF_VISITOR


def exposed(rows: Mapping[str, Mapped]) -> dict[str, Mapped]:
    """The rows that would let something sensitive out in clear: not hashed or made coarse, here or by the plugin."""
    compiled = compile_mapping(rows).templates
    return {
        field: row
        for field, row in rows.items()
        if row.modification not in _COARSE and not row.hashed and any(map(is_sensitive, compiled[field].paths))
    }


def let_out(mapping: Compiled, hashed: Collection[str]) -> Iterator[Path]:
    """The paths by which what is known of a visitor leaves in clear. ``hashed``: fields that the plugin hashes."""
    for field, template in mapping.templates.items():
        if field not in hashed and template.modification not in _COARSE:
            yield from (path for path in template.paths if path.text.startswith("visitor.") and is_sensitive(path))


def at_start(rows: Mapping[str, Mapped], category: str) -> dict[str, Mapped]:
    """What of a plugin's own mapping holds before anybody has mapped anything: the rest must be asked for."""
    withheld = exposed(rows) if category in HASHED_ONLY else {}
    return {field: row for field, row in rows.items() if field not in withheld}
