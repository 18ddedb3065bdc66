"""What an attacker finds: a whole installation behind its web door, in this process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient

from ours.bootstrap import Ours
from tests.web.conftest import _pristine, app, here  # noqa: F401 - so does the installation
from tests.web.show.conftest import (  # noqa: F401 - the dashboard's fixtures serve here too
    admin,
    browser_of,
    editor,
    send,
    stranger,
    work,
)


@pytest.fixture
def key(here: Ours) -> str:  # noqa: F811
    return here.sources.add("Attacked", actor="cli").live_key


@pytest.fixture
def client(app: object) -> FlaskClient:  # noqa: F811
    return app.test_client()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def within() -> Callable[[float], object]:
    """``with within(1):`` takes less processor time than that, however busy the machine is."""

    @contextmanager
    def measured(seconds: float) -> Iterator[None]:
        began = time.thread_time()
        yield
        assert time.thread_time() - began < seconds

    return measured
