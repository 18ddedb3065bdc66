"""What ``ours doctor`` finds."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``mend`` says what to do; empty when all is well."""

    name: str
    status: Status
    message: str
    mend: str = ""
