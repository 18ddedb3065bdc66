"""What a visitor consents to: what was said last counts, and where that can't be known, whoever withdraws is heard.

A profile keeps it as the property ``consent``, and beside the properties, as ``consent_said``, the id of the last event
that has a part in it: event ids sort by the time at which events were received.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ours.core.logic.values import many

NAME, SAID = "consent", "consent_said"
_REJECTED, _ACCEPTED = "rejected_categories", "accepted_categories"
_MOST_CATEGORIES, _LONGEST_CATEGORY = 1_000, 2_000
_MIXED = "~"


class Said(NamedTuple):
    """A consent (None: there is none) and the id of the event that said so last (empty: nobody knows which).

    ``sure``: that event said all of it, others have no part in it.
    """

    consent: Any
    by: str = ""
    sure: bool = True


def of(profile: Mapping[str, Any]) -> Said:
    by: str = profile.get(SAID, "")
    return Said(profile["properties"].get(NAME), by.removesuffix(_MIXED), sure=not by.endswith(_MIXED))


def put(profile: dict[str, Any], said: Said) -> None:
    """Change ``profile``, and its properties, in place."""
    by = said.by if said.sure else said.by + _MIXED
    for values, name, value in (profile["properties"], NAME, said.consent), (profile, SAID, by or None):
        values.pop(name, None)
        if value is not None:
            values[name] = value


def said_last(one: Said, other: Said) -> Said:
    """Of what two visitors said who turn out to be one: the later. Where nobody knows which that is, both are heard."""
    earlier, later = sorted((other, one), key=lambda said: said.by)
    if later.sure and later.by > earlier.by:
        return later
    if one.consent is None or other.consent is None:
        return other if one.consent is None else one
    return Said(united(one.consent, other.consent), later.by, sure=False)


def heard(now: Said, news: Said) -> Said:
    """What counts after ``news``, which replace what was said before; if they come out of turn, both are heard."""
    if news.consent is None and now.consent is None:
        return now
    if news.by >= now.by:
        return news
    return Said(united(news.consent, now.consent), now.by, sure=False)


def warned(now: Said, news: Said) -> Said:
    """What counts after news that may be another person's: nothing of them is taken over but what they reject."""
    if not _categories(_object(news.consent), _REJECTED):
        return now
    return Said(rejecting(now.consent, news.consent), max(now.by, news.by), sure=False)


def united(one: Any, other: Any) -> dict[str, Any]:
    """All that either rejects, and what both accept. Of all else ``one`` comes first."""
    one, other = _object(one), _object(other)
    whole = {**other, **one}
    if _ACCEPTED in whole:
        both = _marks(_categories(other, _ACCEPTED))
        whole[_ACCEPTED] = [each for each in _categories(one, _ACCEPTED) if _mark(each) in both]
    return rejecting(rejecting(whole, other), one)


def rejecting(consent: Any, news: Any) -> dict[str, Any]:
    """``consent`` without what ``news`` reject, and of the news nothing else. The oldest of too many are forgotten."""
    result, rejected = dict(_object(consent)), _categories(_object(news), _REJECTED)
    if not rejected:
        return result
    new = _marks(rejected)
    before = [each for each in _categories(result, _REJECTED) if _mark(each) not in new]
    result[_REJECTED] = [*before, *rejected][-_MOST_CATEGORIES:]
    if _ACCEPTED in result:
        result[_ACCEPTED] = [each for each in _categories(result, _ACCEPTED) if _mark(each) not in new]
    return result


def _object(consent: Any) -> Mapping[str, Any]:
    return consent if isinstance(consent, Mapping) else {}


def _categories(consent: Mapping[str, Any], name: str) -> list[str]:
    """As a list of texts, also where a backend sends one text with commas, or the list as JSON in a text.

    Several of the vendor's SDKs know text alone in a consent, so that who has a list must send it so.
    """
    found = consent.get(name)
    each = found if isinstance(found, list) else many(found) if isinstance(found, str) else []
    return [one.strip() for one in each if isinstance(one, str) and len(one) <= _LONGEST_CATEGORY]


def _marks(categories: list[str]) -> set[str]:
    return set(map(_mark, categories))


def _mark(category: str) -> str:
    """As rules compare it: whatever its case."""
    return category.casefold()
