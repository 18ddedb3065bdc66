"""What is told of a concern: one line each, and no more than a message can bear."""

import pytest

from ours.core import concerns
from ours.core.concerns import Concern, News, Stage


def news(stage: Stage = "opened", words: str = "“Hook” fails.") -> News:
    return News("failing", "destination 1", stage, words, 1_000)


@pytest.mark.parametrize(
    ("stage", "begins", "remedied"),
    [("opened", "“Hook”", True), ("still", "Still: “Hook”", True), ("resolved", "Resolved: “Hook”", False)],
)
def test_a_line_says_where_it_stands_and_what_to_do_while_it_lasts(stage: Stage, begins: str, remedied: bool) -> None:
    line = news(stage).line
    assert line.startswith(begins)
    assert line.endswith(concerns.remedy("failing")) is remedied


def test_many_at_once_are_one_message_of_bounded_length() -> None:
    many = [news(words=f"“Hook {number}” fails.") for number in range(50)]
    lines = concerns.text(many).splitlines()
    assert len(lines) == 12
    assert lines[-2:] == ["… and 40 more.", f"→ {concerns.remedy('failing')}"]
    assert concerns.title(many) == "“Hook 0” fails. (and 49 more)"
    assert concerns.title(many[:1]) == "“Hook 0” fails."


def test_what_is_rare_stands_before_hundreds_of_another_kind() -> None:
    full = concerns.disk(9, 20)
    many = [*(news() for _ in range(300)), News(full.kind, full.subject, "opened", full.words, 1_000)]
    many += [news("resolved"), news("resolved")]
    assert concerns.title(many) == f"{full.words} (and 302 more)"
    lines = concerns.text(many).splitlines()
    assert lines[0] == f"{full.words} {concerns.remedy('disk')}"
    assert lines[-2:] == ["Resolved: “Hook” fails."] * 2
    assert len(lines) == 15


def test_what_is_over_is_no_title_while_anything_lasts() -> None:
    many = [news("resolved"), news(words="“Hook 1” fails."), news(words="“Hook 2” fails.")]
    assert concerns.title(many) == "“Hook 1” fails. (and 2 more)"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (concerns.balance(3), "3 decisions missing"),
        (concerns.balance(-1_200), "1,200 decisions too many"),
        (concerns.disk(987, 200), "980 MB left; below 200 MB, new events are refused"),
        (concerns.disk(9, 200), "9 MB left; below 200 MB, new events are refused"),
        (concerns.refused_for_disk(200), "New events are refused: less than 200 MB is free"),
        (concerns.refused_for_backlog(1_000), "New events are refused: 1,000 are already waiting to be routed"),
        (concerns.balance(1), "1 decision missing"),
        (concerns.lost(1), "1 pair of event and destination is missing or duplicated"),
        (concerns.lost(2), "2 pairs of event and destination are missing or duplicated"),
        (concerns.backlog(567_000, 1_000_000), "reached 50% of its limit"),
        (concerns.backlog(1_000_000, 1_000_000), "reached 100% of its limit"),
        (concerns.ambiguous(1, "Hook", 1), "1 dispatch that may or may not have arrived. It is held"),
        (concerns.ambiguous(1, "Hook", 1_234), "1,234 dispatches that may or may not have arrived. They"),
        (concerns.unloaded(1, "Hook", "crm"), "“Hook” needs the plugin crm, which is not loaded"),
        (concerns.expiring(1, "Hook", 2_000, 3), "2,000 dispatches on hold that will be given up within 3 days"),
        (concerns.expiring(1, "Hook", 2, 1), "within a day"),
        (concerns.unopened("key_missing:0a1b2c3d", 1, 0), "1 event can't be opened: its secret key 0a1b2c3d is not in"),
        (concerns.unopened("key_missing:0a1b2c3d", 1, 2), "1 event and 2 dispatches can't be opened: their secret key"),
        (concerns.unopened("damaged", 0, 1), "1 dispatch can't be opened: it was changed on disk, or moved to another"),
        (concerns.unopened("damaged", 2, 0), "2 events can't be opened: they were changed on disk, or moved to other"),
    ],
)
def test_the_words_say_how_bad_it_is(found: Concern, words: str) -> None:
    assert words in found.words


def test_of_a_plugin_the_remedy_tells_what_runs_from_what_would_be_loaded_now() -> None:
    """`ours plugin list` looks anew: a package that was just installed is loaded there, and not in what runs."""
    assert "running processes keep the plugins they started with" in concerns.remedy("plugin")


def test_every_kind_has_a_remedy() -> None:
    made = [
        concerns.failing(1, "Hook", "10 tries in a row"), concerns.paused(1, "Hook"), concerns.balance(1),
        concerns.lost(1), concerns.disk(1, 2), concerns.backlog(1, 2), concerns.plugin("crm", "No."),
        concerns.unfit(1, "Hook", "Its …"),
        concerns.expiring(1, "Hook", 1, 1), concerns.ambiguous(1, "Hook", 1), concerns.unopened("damaged", 1, 0),
        concerns.refused_for_disk(1),
    ]  # fmt: skip
    assert all(concerns.remedy(one.kind) for one in made)
    assert len({one.kind for one in made}) == len(made)
