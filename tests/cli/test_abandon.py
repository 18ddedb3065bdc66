"""``ours secrets abandon``: an operator ends what can't be opened, and sees first what that is."""

import pytest

from ours.bootstrap import Ours
from ours.core.incoming import Incoming
from ours.store import Sealer
from ours.store.queries import sealed
from tests.cli.conftest import Terminal

OTHER = Sealer((b"another key, of thirty-two bytes",))
REASON = f"key_missing:{OTHER.key_ids[0]}"


@pytest.fixture
def event(ours: Ours) -> str:
    """A test event that is set aside, for its key is lost; its id."""
    ours.destinations.add("webhook", "Hook", {"url": "https://example.com/hook"}, events=["*"], actor="cli")
    caller = ours.accept.authenticate(ours.sources.add("Shop", actor="cli").test_key)
    assert caller
    made = ours.accept.accept(caller, [Incoming(name="Lead", occurred_at=1, user_id="u1")])[0].event_id
    shelf = next(one for one in sealed.SHELVES if one.name == "events")
    with ours.store.write() as connection:
        (one,) = sealed.page(connection, shelf, None, 10)
        anew = OTHER.seal(ours.store.sealer.open(one.value, one.bound), one.bound)
        assert sealed.replace(connection, shelf, [(one, anew)]) == 1
    ours.route.run()
    return made


def test_it_is_shown_before_it_is_done(terminal: Terminal, event: str) -> None:
    assert f"ours secrets abandon {REASON}" in str(terminal.json("doctor", status=1))
    shown = terminal.json("secrets", "abandon", REASON)
    assert (shown["events"], shown["dispatches"], shown["abandoned"]) == ({"test": 1}, 0, None)
    assert shown["destinations"] == [{"destination": "Hook", "mode": "test", "held": 0, "setAside": 1}]
    assert shown["oldest"] == shown["newest"]
    refused = terminal.run("secrets", "abandon", REASON, typed="n\n")
    assert "Events set aside: 1 test. Dispatches held: 0." in refused.stderr
    assert "Hook" in refused.stdout
    assert terminal.json("event", "show", event)["dispatches"] == []


def test_it_is_done_told_and_taken_back(terminal: Terminal, event: str) -> None:
    assert terminal.run("secrets", "abandon", REASON, typed="y\n").exit_code == 0
    ended = terminal.json("event", "show", event)
    assert ended["abandoned"] == f"Somebody abandoned it: the secret key {OTHER.key_ids[0]} that it needs was lost."
    assert [one["reason"] for one in ended["dispatches"]] == [f"abandoned:{REASON}"]
    assert [one["status"] for one in terminal.json("doctor") if one["name"] == "secret keys"] == ["ok"]
    assert terminal.json("secrets", "abandon", REASON, "--yes")["abandoned"] == {"events": 0, "dispatches": 0}
    assert terminal.json("secrets", "abandon", REASON, "--undo")["takenBack"] is None
    assert terminal.json("secrets", "abandon", REASON, "--undo", "--yes")["takenBack"] == {"events": 1, "dispatches": 0}
    assert terminal.json("event", "show", event)["dispatches"] == []
    verbs = [one["verb"] for one in terminal.json("audit", "list", "--subject", REASON)]
    assert verbs == ["take_back", "abandon"]


def test_a_key_that_is_there_and_a_word_that_is_none(terminal: Terminal, ours: Ours) -> None:
    own = f"key_missing:{ours.store.sealer.key_ids[0]}"
    assert "in the key ring" in terminal.json("secrets", "abandon", own, "--yes", status=1)["error"]
    assert "ours doctor" in terminal.json("secrets", "abandon", "breaker_open", "--yes", status=1)["error"]
