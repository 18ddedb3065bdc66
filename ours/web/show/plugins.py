"""Plugins: which are loaded, and which were set aside and why."""

from flask import render_template

from ours.registry import Loaded
from ours.web.current import ours
from ours.web.show.door import page


@page("/plugins", "viewer")
def plugins() -> str:
    here = ours()
    return render_template(
        "plugins/plugins.html", registry=here.registry, loaded=by_label(), folder=here.settings.plugins_dir.resolve()
    )


def by_label() -> list[Loaded]:
    """The loaded ones, in the order in which they are read."""
    return sorted(ours().registry.loaded, key=lambda one: one.plugin.label.casefold())
