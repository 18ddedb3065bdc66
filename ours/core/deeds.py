"""What the audit log can say that was done."""

from collections.abc import Sequence
from typing import Literal, get_args

Verb = Literal[
    "abandon", "activate", "add", "add rule", "add_key", "apply", "back up", "change rule", "change_password",
    "confirm", "copy", "deactivate", "delete", "end_sessions", "export", "forget", "limit", "lock_out",
    "order rules", "override", "pause", "read", "remove", "remove rule", "replay", "replay_cancelled",
    "replay_paused", "replay_running", "reset_password", "restore", "resume", "revoke", "revoke_key", "roll back",
    "rotate", "set rules", "set_role", "sign_in", "take_back", "turn_off", "turn_on", "update",
]  # fmt: skip
VERBS: Sequence[Verb] = get_args(Verb)
