"""The section ``governance``: a list of rules, in the order in which they are asked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ours.core.agreements import CATEGORIES
from ours.core.governance import EVERY
from ours.errors import Changed, Invalid
from ours.services import naming
from ours.services.actors import Who
from ours.services.apply import form
from ours.services.apply.section import Change, How
from ours.services.apply.telling import arrow, said
from ours.services.destinations import Destinations
from ours.services.rules.service import Governance, Rule, checked_rule, from_documents

_KEYS = ("name", "enabled", "note", "covers", "logic")
_GROUPS = (*CATEGORIES, EVERY)
Named = Mapping[str, Any]
"""A rule as the file has it: all keys, and the names of the destinations that it covers."""


class GovernanceSection:
    name = "governance"

    def __init__(self, governance: Governance, destinations: Destinations) -> None:
        self._governance = governance
        self._destinations = destinations

    def export(self, *, references: bool) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        plain = {"note": "", "enabled": True}
        return [
            {key: rule[key] for key in _KEYS if key not in plain or rule[key] != plain[key]} for rule in self._now()
        ]

    def plan(self, given: Any, how: How) -> Sequence[Change]:
        if not isinstance(given, list | dict) or (isinstance(given, dict) and given):
            raise Invalid("governance must be a list of rules.")
        seen, now = self._governance.version(), self._now()
        there = {naming.look(place.name): place.name for place in self._destinations.names()}
        known = {**how.named.get("destinations", {}), **there}
        wanted = [_read(one, now, known) for one in given]
        keys = [_key(rule) for rule in wanted]
        if double := next((rule["name"] for rule in wanted if keys.count(_key(rule)) > 1), None):
            raise Invalid(f'The rule "{double}" stands twice.')
        after = _merged(now, wanted, prune=how.prune)
        details = list(_details(now, after))
        if not details:
            return []
        return [Change("change", "governance", "rules", details, lambda actor: self._put(after, actor, how.why, seen))]

    def _now(self) -> list[dict[str, Any]]:
        names = {one.id: one.name for one in self._destinations.names()}
        return [
            rule.document() | {"covers": [names[one] if isinstance(one, int) else one for one in rule.covers]}
            for rule in self._governance.list()
        ]

    def _put(self, after: Sequence[Named], actor: Who, why: str, seen: int) -> None:
        ids = {one.name: one.id for one in self._destinations.names()}
        if any(one not in ids for rule in after for one in rule["covers"] if one not in _GROUPS):
            raise Changed("A destination that a rule covers was removed or renamed meanwhile.")
        there = {rule.name.casefold(): rule.id for rule in self._governance.list()}
        rules = [
            Rule(**{**rule, "covers": [one if one in _GROUPS else ids[one] for one in rule["covers"]]},
                 id=there.get(_key(rule)))
            for rule in after
        ]  # fmt: skip
        self._governance.put(rules, actor=actor, verb="apply", why=why, seen=seen)


def _read(given: Any, now: Sequence[Named], known: Mapping[str, str]) -> dict[str, Any]:
    one = form.keys(given, _KEYS, "A rule")
    where = f'The rule "{one.get("name", "")}"'
    covers = [_covered(name, known, where) for name in form.names(one.get("covers", []), f"{where}, covers")]
    left = any(_key(rule) == str(one.get("name")).casefold() and not rule["covers"] for rule in now)
    try:
        (rule,) = from_documents([{**one, "name": str(one.get("name", "")), "covers": covers}])
        checked = checked_rule(rule, set(known.values()), left=left, kept=[str(one["name"]) for one in now])
    except Invalid as error:
        raise Invalid(f"{where}: {error}") from None
    return checked.document()


def _merged(now: Sequence[Named], wanted: Sequence[Named], *, prune: bool) -> list[Named]:
    """The file's rules in the file's order; those that it does not name keep their places among them."""
    names, following = {_key(rule) for rule in wanted}, iter(wanted)
    kept = [next(following) if _key(rule) in names else _pruned(rule, prune=prune) for rule in now]
    return [*kept, *following]


def _pruned(rule: Named, *, prune: bool) -> Named:
    return {**rule, "enabled": rule["enabled"] and not prune}


def _details(now: Sequence[Named], after: Sequence[Named]) -> Iterator[str]:
    old = {_key(rule): rule for rule in now}
    for rule in after:
        before = old.get(_key(rule), {})
        changed = [key for key in _KEYS if before.get(key) != rule[key]]
        if before:
            yield from (f"{rule['name']}: {key}: {arrow(before.get(key), rule[key])}" for key in changed)
        else:
            covers, held = ", ".join(rule["covers"]), "" if rule["enabled"] else ", not in force"
            yield f"{rule['name']}: new, stops for {covers}{held} when {said(rule['logic'])}"
    order = [_key(rule) for rule in after if _key(rule) in old]
    if order != list(old):
        yield f"order: {arrow([rule['name'] for rule in now], [rule['name'] for rule in after])}"


def _covered(name: str, known: Mapping[str, str], where: str) -> str:
    if name in _GROUPS:
        return name
    if naming.look(name) not in known:
        raise Invalid(f'{where} covers "{name}", which is neither there nor in the file.')
    return known[naming.look(name)]


def _key(rule: Named) -> str:
    return str(rule["name"]).casefold()
