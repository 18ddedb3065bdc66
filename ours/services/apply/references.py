"""What ``ours export --references`` calls the variables of secrets."""

import re
import unicodedata
from collections.abc import Sequence


class References:
    """A name for each secret, such as a shell can set; never one name for two of them."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def to(self, path: Sequence[str]) -> str:
        """``${NAME}`` for the secret at ``path``: the destination's name, the setting's, and perhaps a header's."""
        plain = unicodedata.normalize("NFKD", "_".join(path)).encode("ascii", "ignore").decode()
        word = re.sub(r"[^A-Z0-9]+", "_", plain.upper()).strip("_") or "SECRET"
        first = f"_{word}" if word[0].isdigit() else word
        name, number = first, 1
        while name in self._taken:
            number += 1
            name = f"{first}_{number}"
        self._taken.add(name)
        return f"${{{name}}}"
