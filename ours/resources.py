"""Finds the folders that lie at the top of a checkout and inside the package in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """``templates`` or ``destinations``: beside the package in a checkout, under ``ours/bundled`` in a wheel."""
    bundled = _PACKAGE / "bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name
