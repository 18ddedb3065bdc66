"""The one hook. A plugin announces its destinations; the registry decides which are admitted."""

from collections.abc import Iterable

import pluggy

from ours.plugin.destination import Destination

PROJECT = "ours"
HOOK = "register_destinations"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Spec:
    @hookspec
    def register_destinations(self) -> Iterable[type[Destination]]:  # type: ignore[empty-body]
        """Return the destination classes that this plugin brings."""
