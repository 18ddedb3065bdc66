"""The only reader of the environment. Every problem is reported at once, each by the name of its variable."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from ours.errors import SettingsInvalid
from ours.settings.ring import has_own_keys, own_keys
from ours.settings.schema import PREFIX, SettingsSchema
from ours.settings.values import Settings


def load(environ: Mapping[str, str] | None = None, *, begin: bool = True) -> Settings:
    """Read the environment. ``begin``: make the data folder and the secret key where there are none.

    :raises SettingsInvalid: naming every wrong variable.
    """
    source = os.environ if environ is None else environ  # noqa: TID251
    given = {name.removeprefix(PREFIX).lower(): value for name, value in source.items() if name.startswith(PREFIX)}
    try:
        values: dict[str, Any] = SettingsSchema().load({name: value for name, value in given.items() if value != ""})
    except ValidationError as error:
        problems = {PREFIX + str(name).upper(): " ".join(texts) for name, texts in error.messages_dict.items()}
        raise SettingsInvalid(problems) from None
    home: Path = values["home"]
    settings = Settings(**values, given=frozenset(name for name, value in given.items() if value != ""))
    try:
        if begin:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.secret_keys and (begin or has_own_keys(home)):
            settings = replace(settings, secret_keys=own_keys(home, settings.database_file))
    except OSError as error:
        raise SettingsInvalid({"OURS_HOME": f"{home} can't be used: {error.strerror}."}) from None
    return settings


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Variables that begin as ours do and are no setting: misspelt, most likely."""
    source = os.environ if environ is None else environ  # noqa: TID251
    known = {PREFIX + name.upper() for name in SettingsSchema().fields}
    return sorted(name for name in source if name.startswith(PREFIX) and name not in known)


def variables() -> Mapping[str, str]:
    """The environment, for configuration files that refer to it."""
    return os.environ  # noqa: TID251
