"""Replays that go on by themselves: how far each is, and pausing, resuming or cancelling it."""

from typing import Literal

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ours.web.current import ours
from ours.web.show.door import page, person

_State = Literal["running", "paused", "cancelled"]
_VERBS: dict[str, tuple[_State, str]] = {
    "pause": ("paused", "is paused. What it has created so far is still delivered."),
    "resume": ("running", "continues where it left off."),
    "cancel": ("cancelled", "is cancelled. What it has created so far is still delivered."),
}


@page("/replays", "viewer")
def replays() -> str:
    names = {one.id: one.shown for one in ours().destinations.ever()}
    return render_template("replays/replays.html", replays=ours().paced_replays.list(), names=names)


@page("/replays/<int:replay_id>/<verb>", "editor", ["POST"])
def turn_replay(replay_id: int, verb: str) -> ResponseReturnValue:
    state, done = _VERBS.get(verb) or abort(404)
    ours().paced_replays.turn(replay_id, state, actor=person().actor)
    flash(f"Replay {replay_id} {done}", "good")
    return redirect(url_for("show.replays"))
