"""A row of a mapping that is more than a template."""

import re
from dataclasses import dataclass

ONE_BRACE = re.compile(r"(?<!\{)\{\s*(?:event|visitor)\.[\w.]+\s*\}(?!\})")
"""A path with one brace on each side, which a template would send as it stands."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What stands for a template in ``default_mapping``: ``Mapped("{{visitor.email}}", "HashedNormalized")``.

    ``modification`` is one of the names in docs/rules.md. ``required``: without a value there is no delivery.
    ``hashed``: ``build`` hashes this field itself, by the vendor's own rule, and never sends it in clear.
    """

    template: str
    modification: str = "None"
    required: bool = False
    hashed: bool = False
