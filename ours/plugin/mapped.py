"""A row of a mapping that is more than a template."""

from dataclasses import dataclass


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
