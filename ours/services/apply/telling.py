"""How a plan says what changes: ``"a" → "b"``, each as JSON writes it, and – where there is nothing."""

from typing import Any

import orjson


def arrow(old: Any, new: Any) -> str:
    return f"{said(old)} → {said(new)}"


def said(value: Any) -> str:
    return "–" if value is None else orjson.dumps(value).decode()
