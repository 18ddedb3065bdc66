"""The two lists of a consent that rules ask, under the names that rules know them by."""

from typing import Any

from ours.core.catalogues import camel
from ours.core.notices import Notices

NAMES = frozenset({"accepted_categories", "rejected_categories"})
TWINS = {camel(name): name for name in NAMES}


def read(consent: dict[str, Any], path: str, notices: Notices) -> dict[str, Any]:
    """``consent`` with ``rejectedCategories`` under its known name, no spaces around the entries of either list, and
    ``{"advertising": true}``, as many a consent banner writes it, as the list of what is true.

    A rule that misses a rejection for how it was written would let out what must stay.
    """
    found = {}
    for key, value in consent.items():
        name = TWINS.get(key, key)
        if name != key and name in consent:
            if value != consent[name]:
                notices.add(f"{path}.{key}", "overridden", name)
            continue
        if name in NAMES:
            _tell(value, f"{path}.{key}", notices)
        if name != key:
            notices.add(f"{path}.{key}", "renamed", name)
        found[name] = _listed(value) if name in NAMES else value
    return found


def are_plain(consent: dict[str, Any]) -> bool:
    """Whether ``read`` would change nothing."""
    notices = Notices()
    return read(consent, "", notices) == consent and not notices.all()


def _tell(value: Any, field: str, notices: Notices) -> None:
    if _are_flags(value):
        notices.add(field, "consent_of_flags")
    elif not _is_legible(value):
        notices.add(field, "consent_not_a_list")


def _are_flags(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, bool) for one in value.values())


def _is_legible(value: Any) -> bool:
    """Whether a rule finds the categories in it."""
    if isinstance(value, list):
        return not any(isinstance(one, list | dict) for one in value)
    return value is None or isinstance(value, str)


def _listed(value: Any) -> Any:
    if _are_flags(value):
        value = [name for name, is_true in value.items() if is_true]
    if not isinstance(value, list):
        return value
    return [each.strip() if isinstance(each, str) else each for each in value]
