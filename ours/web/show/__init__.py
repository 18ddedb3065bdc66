"""What people look at: the dashboard. One file per screen; ``door`` says who may pass."""

from typing import Any

from flask.blueprints import BlueprintSetupState

from ours import __version__
from ours.web.show import (  # noqa: F401 - importing a screen puts its pages on the blueprint
    allow,
    audit,
    destinations,
    dispatches,
    errors,
    events,
    explain,
    exports,
    formats,
    governance,
    history,
    install,
    keys,
    mapping,
    overview,
    people,
    playground,
    plugins,
    reference,
    replays,
    second_factor,
    settings,
    sign_in,
    sources,
    tokens,
    unseen,
    visitors,
)
from ours.web.show.door import blueprint, owes, roles, whoever

__all__ = ["blueprint"]


@blueprint.record_once
def _prepare(state: BlueprintSetupState) -> None:
    state.app.jinja_env.trim_blocks = state.app.jinja_env.lstrip_blocks = True


@blueprint.app_context_processor
def _known_everywhere() -> dict[str, Any]:
    """What every page may use. Nothing of it asks the database."""
    me = whoever()
    return {"me": me, "owes": owes(me), "may": roles(me).__contains__, "version": __version__}
