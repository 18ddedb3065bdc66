"""Works out a mapping row by row for one event, and says who wrote each row."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ours.core.mapping import EVENT_NAME, Context, Mapper
from ours.core.modifications import HASHES
from ours.core.paths import Path
from ours.core.redact import Person
from ours.plugin import Destination as Plugin
from ours.services.destinations.config import Config
from ours.services.destinations.mapping import hashed_by, mapper_of, withheld
from ours.services.explain.views import Field
from ours.services.gates import category_of
from ours.services.overview.masks import person_of

PLUGIN, OWN, WITHHELD = "plugin", "destination", "withheld"
_SHOWN_DIGITS = 8


def mapper(plugin: Plugin, config: Config) -> Mapper:
    return mapper_of(plugin, category_of(config, plugin), config.mapping, config.cases)


def fields(plugin: Plugin, config: Config, context: Context) -> tuple[str | None, list[Field]]:
    """The conditional mapping that was chosen, and every row; what is personal is masked for everybody."""
    made = mapper(plugin, config)
    case, mapping = made.choose(context)
    seen = context
    if name := mapping.name_of(context):
        seen = context._replace(event=replace(context.event, name=name))
    held = withheld(plugin, category_of(config, plugin), config.mapping)
    own = next((dict(one["mapping"]) for one in config.cases if one["name"] == case), {})
    person, hashed = person_of(context), hashed_by(plugin)
    listed = []
    for row in mapping.explain(seen):
        template = mapping.templates[row.field]
        said = WITHHELD if row.field in held and row.field not in own else layer(row.field, own, config, case)
        taken, value = row.taken, row.value
        if row.field == EVENT_NAME:
            taken, value = template.take(context), template.give(context)
        listed.append(
            Field(
                field=row.field,
                layer=said, template=row.template,
                paths=[path.text for path in template.paths], taken=shown(taken, template.paths, person),
                modification=row.modification,
                value=_hash_cut(value) if row.modification in HASHES else shown(value, template.paths, person),
                given=value is not None or template.gives_null,
                hashed=row.field in hashed and row.modification not in HASHES,
            )
        )  # fmt: skip
    return case, listed


def layer(field: str, own: Mapping[str, Any], config: Config, case: str | None) -> str:
    if case is not None and field in own:
        return case
    return OWN if field in config.mapping else PLUGIN


def shown(value: Any, paths: tuple[Path, ...], person: Person) -> Any:
    """Masked by the names of the paths that it was taken from, and by what is known of the ``person``."""
    for path in paths:
        value = person.value(path.text, value)
    return value


def _hash_cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_hash_cut(one) for one in value]
    return f"{value[:_SHOWN_DIGITS]}…" if isinstance(value, str) and len(value) > _SHOWN_DIGITS else value
