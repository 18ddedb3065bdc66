"""What is agreed with the owners of destinations about personal data, and what follows from it by category."""

AGREEMENTS = ("none", "available", "signed", "self-hosted")
"""What is agreed with a destination's owner about personal data: nothing, or nothing yet though one is offered; or it
is signed; or there is nobody to agree with, because the destination is your own."""
AGREED = frozenset({"signed", "self-hosted"})
CATEGORIES = ("advertising", "analytics", "crm", "infrastructure")
GUARDED = frozenset({"advertising", "analytics", "crm"})
"""Destinations of these categories need an agreement, or an explicit override, before anything sensitive leaves."""
HASHED_ONLY = frozenset({"advertising", "analytics"})
"""Categories whose destinations start with no identifiers but hashed ones."""
