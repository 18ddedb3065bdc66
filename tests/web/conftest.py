"""A real installation on SQLite for the doors that serve it."""

import math
from collections.abc import Callable, Iterator
from copy import copy

import pytest
from flask import Flask

from ours.bootstrap import Ours
from ours.settings import Settings, load
from ours.web import create_app
from ours.web.ingest.guard import LIMITS
from ours.web.ingest.limits import Limits
from ours.web.throttle import Throttle
from tests.conftest import KEY


@pytest.fixture
def here(
    make_settings: Callable[..., Settings], make_database_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ours]:
    """Its figures are of the moment that they are asked for, however busy the machine is."""
    monkeypatch.setattr("ours.services.overview.service._DEAR", math.inf)
    make_database_url("sqlite")
    opened = Ours(make_settings(allow_networks="127.0.0.0/8"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def _pristine(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Its addresses and templates are compiled once for all tests, which takes longer than most of them."""
    made = create_app(Ours(load({"OURS_HOME": str(tmp_path_factory.mktemp("pristine")), "OURS_SECRET_KEYS": KEY})))
    assert made.jinja_env
    return made


@pytest.fixture
def app(here: Ours, _pristine: Flask) -> Flask:
    """As if ``create_app(here)`` had made it."""
    made = copy(_pristine)
    made.config, made.view_functions = copy(_pristine.config), copy(_pristine.view_functions)
    made.config.update(SECRET_KEY=here.session_keys[0], SECRET_KEY_FALLBACKS=here.session_keys[1:])
    made.extensions = _pristine.extensions | {"ours": here, "throttle": Throttle(), LIMITS: Limits()}
    return made
