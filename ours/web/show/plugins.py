"""Plugins: which are loaded, and which were set aside and why."""

from flask import render_template

from ours.web.current import ours
from ours.web.show.door import page


@page("/plugins", "viewer")
def plugins() -> str:
    here = ours()
    return render_template("plugins/plugins.html", registry=here.registry, folder=here.settings.plugins_dir.resolve())
