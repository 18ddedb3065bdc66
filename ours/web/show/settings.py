"""Settings in view: each with its value, where that comes from, and what it does."""

from flask import render_template

from ours import settings
from ours.web.current import ours
from ours.web.show.door import page


@page("/settings", "admin")
def show_settings() -> str:
    return render_template(
        "settings/settings.html", settings=settings.shown(ours().settings), unknown=settings.unknown()
    )
