"""What the audit log can say that was done."""

from collections.abc import Sequence
from typing import Literal, get_args

Verb = Literal[
    "abandon", "activate", "add", "add_key", "add_rule", "apply", "back_up", "change_password", "change_rule",
    "confirm", "copy", "deactivate", "delete", "end_sessions", "export", "find", "forget", "limit", "lock_out",
    "order_rules", "override", "pause", "read", "remove", "remove_rule", "remove_second_factor", "renew_recovery",
    "replay", "replay_cancelled", "replay_paused", "replay_running", "reset_password", "restore", "resume", "revoke",
    "revoke_key", "roll_back", "rotate", "send", "set_role", "set_rules", "set_second_factor", "sign_in", "sign_out",
    "take_back", "turn_off", "turn_on", "update", "use_recovery",
]  # fmt: skip
VERBS: Sequence[Verb] = get_args(Verb)
