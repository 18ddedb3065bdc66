"""Links are made by a shorter way than Flask's own, and are the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import BuildError

from ours.web.app import App

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.dictionaries(
    st.sampled_from(["name", "source", "before", "event_id", "_anchor"]),
    st.one_of(st.none(), st.integers(0, 10**6), st.lists(st.integers(0, 9), max_size=3), _TEXTS),
)


@pytest.fixture(scope="module")
def app() -> App:
    made = App("links", static_folder=None)
    made.add_url_rule("/events", "events", lambda: "")
    made.add_url_rule("/events/<event_id>", "event", lambda event_id: event_id)
    made.add_url_rule("/places/<int:place>", "place", lambda place: str(place))
    made.add_url_rule("/two", "two", _two)
    made.add_url_rule("/two/<name>", "two", _two)
    return made


def _two(name: str = "") -> str:
    return name


def _either(made: Any, endpoint: str, values: dict[str, Any]) -> Any:
    try:
        return made(endpoint, **values)
    except (BuildError, TypeError, ValueError) as error:
        return type(error)


@given(
    endpoint=st.sampled_from(["events", "event", "two", "nowhere"]),
    values=_VALUES,
    prefix=st.sampled_from(["", "/a b"]),
)
def test_a_link_is_the_one_that_flask_would_make(app: App, endpoint: str, values: dict[str, Any], prefix: str) -> None:
    with app.test_request_context("/events", environ_overrides={"SCRIPT_NAME": prefix}):
        for _ in range(2):
            assert _either(app.url_for, endpoint, values) == _either(super(App, app).url_for, endpoint, values)


def test_a_link_that_is_asked_for_whole_is_whole(app: App) -> None:
    with app.test_request_context("/events", base_url="https://ours.example.com"):
        assert app.url_for("event", event_id="a", _external=True) == "https://ours.example.com/events/a"
        assert app.url_for("event", event_id="a", _anchor="b") == "/events/a#b"
        assert app.url_for(".event", event_id="a") == "/events/a"
