"""What the audit log says of a change of the rules."""

from collections.abc import Mapping, Sequence
from typing import Any

Named = Mapping[str, Mapping[str, Any]]


def told(before: Named, after: Named) -> dict[str, Sequence[str]]:
    """Which rules came, changed and went, and which there are; each given by its name. What is empty is left out."""
    found = {
        "added": [name for name in after if name not in before],
        "changed": [name for name in after if name in before and after[name] != before[name]],
        "removed": [name for name in before if name not in after],
        "rules": list(after),
    }
    return {word: names for word, names in found.items() if names}
