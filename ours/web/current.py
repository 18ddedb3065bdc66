"""The installation that the running app serves."""

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from ours.bootstrap import Ours


def ours() -> "Ours":
    return cast("Ours", current_app.extensions["ours"])
