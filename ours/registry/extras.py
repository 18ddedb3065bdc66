"""Knows whether what a plugin works with is installed, and the line that installs it."""

import re
import shlex
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*).*;.*\bextra\s*==\s*['\"]([^'\"]+)['\"]")


def first_missing(modules: Iterable[str]) -> str | None:
    """The first of ``modules`` that can't be imported here; none of them is."""
    return next((module for module in modules if not _is_here(module)), None)


def line_for(module: str, distribution: str | None) -> str:
    """``… -m pip install 'ours[s3]'`` where an extra of ``distribution`` brings the module, else by the module's name.

    It is our own interpreter's pip: another's would put it where we don't look.
    """
    extra = extra_with(module, distribution)
    what = f"'{distribution}[{extra}]'" if extra else module.partition(".")[0]
    return f"{shlex.quote(sys.executable)} -m pip install {what}"


def extra_with(module: str, distribution: str | None) -> str | None:
    """The extra of ``distribution`` whose package goes by the module's name."""
    package = _canonical(module.partition(".")[0])
    try:
        matches = [_REQUIREMENT.match(one) for one in (requires(distribution) if distribution else None) or ()]
    except PackageNotFoundError:
        return None
    return next((match[2] for match in matches if match and _canonical(match[1]) == package), None)


def no_package(module: str, where: Path) -> str | None:
    """Why no package is to be installed for it, and what is: it is to be ours, or lies beside the plugin."""
    top = module.partition(".")[0]
    if top == "ours":
        return f"There is no {module}: all that a plugin needs is imported from ours.plugin."
    if any((folder / f"{top}.py").is_file() for folder in (where, where.parent)):
        return (f"It can't import its neighbour {top}.py by that name: put both into one folder, the plugin as its"
                f" __init__.py, and write `from . import {top}`.")  # fmt: skip
    return None


def _is_here(module: str) -> bool:
    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
