"""What governance said to a dispatch: by the rules that were in force when it was last asked, not by today's."""

from collections.abc import Sequence

from sqlalchemy import Connection

from ours.core import governance
from ours.core.governance import Rule
from ours.services.rules.rulebook import compiled
from ours.services.rules.service import core_rules, from_documents
from ours.services.samples import Sample
from ours.services.versions import GOVERNANCE, open_document
from ours.store import Sealer
from ours.store.queries import rules as rule_queries
from ours.store.queries import versions


def in_force(connection: Connection, sealer: Sealer, moment: int) -> Sequence[Rule]:
    """The rules at a moment.

    :raises Unsealable: when the version that has them can't be opened.
    """
    row = versions.at(connection, GOVERNANCE, moment)
    return core_rules(from_documents(open_document(sealer, row)["rules"])) if row is not None else ()


def let_pass(rules: Sequence[Rule], destination_id: int, category: str) -> str:
    """That none of those that covered it stopped it."""
    covering = sum(rule.concerns(destination_id, category) for rule in rules)
    words = {0: "No rule covered this destination.", 1: "The one rule that covered it did not stop it."}
    return words.get(covering, f"None of the {covering} rules that covered it stopped it.")


def today(connection: Connection, sample: Sample, destination_id: int, category: str) -> str:
    """Which rule would stop it as things stand now; empty when none."""
    rules = compiled(rule_queries.in_force(connection))
    now = governance.stopping(governance.fired(rules, sample.context), destination_id, category)
    return f" Today “{now.name}” would." if now else ""
