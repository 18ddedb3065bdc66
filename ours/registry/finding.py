"""Where plugins come from: the house's own folder, installed packages, and the operator's drop-in folder."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal, NoReturn

from ours import resources

Origin = Literal["built-in", "entry point", "drop-in"]
GROUP = "ours.destinations"
HOUSE = "ours"
_LEFT_ALONE = (".", "_", "test_", "conftest.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found and not yet run. ``load`` imports it, and may do anything a stranger's code can do."""

    name: str
    origin: Origin
    where: str
    load: Callable[[], object]
    distribution: str | None = None


def built_in() -> Iterator[Candidate]:
    return _in_folder(resources.folder("destinations"), "built-in")


def installed() -> Iterator[Candidate]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = point.dist.name if point.dist else None
        yield Candidate(point.name, "entry point", _package(point), point.load, package)


def drop_ins(folder: Path) -> Iterator[Candidate]:
    try:
        yield from _in_folder(folder, "drop-in")
    except OSError as error:
        yield Candidate(folder.name, "drop-in", str(folder), partial(_fail, error))


def at(path: Path, origin: Origin = "drop-in") -> Candidate:
    """The plugin that a file or a package's folder is."""
    file = path / "__init__.py" if path.is_dir() else path
    package = HOUSE if origin == "built-in" else None
    load = partial(_load, origin, file)
    return Candidate(path.name.removesuffix(".py"), origin, str(path), load, package)


def _in_folder(folder: Path, origin: Origin) -> Iterator[Candidate]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _is_plugin(path):
            yield at(path, origin)


def _is_plugin(path: Path) -> bool:
    """Whether it is Python, and no test that lies beside its plugin."""
    file = path / "__init__.py" if path.is_dir() else path
    return not path.name.startswith(_LEFT_ALONE) and file.suffix == ".py" and file.is_file()


def _load(origin: Origin, file: Path) -> ModuleType:
    """Run a file as a module under a name of its own, so that no plugin can stand in for anybody's module."""
    module_name = re.sub(r"\W", "_", f"_ours_{file.resolve()}")
    if origin == "built-in" and module_name in sys.modules:
        return sys.modules[module_name]  # the house's own files do not change while it runs
    if file.parent.is_dir() and not file.exists():
        raise ImportError(f"the folder {file.parent} has no {file.name}: name the plugin's own file")
    spec = spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = module_from_spec(spec)
    _forget(module_name)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(module_name)
        raise
    return module


def _forget(module_name: str) -> None:
    for known in [known for known in tuple(sys.modules) if known == module_name or known.startswith(f"{module_name}.")]:
        del sys.modules[known]


def _package(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name} {point.dist.version}" if point.dist else point.value


def _fail(error: OSError) -> NoReturn:
    raise error
