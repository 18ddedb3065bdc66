"""What an author wants to see of a traceback: the last line in the plugin's own code."""

import sys
import sysconfig
import traceback
from pathlib import Path

_NOT_AN_AUTHORS = (f"{Path(__file__).parents[1]}/", f"{sysconfig.get_path('stdlib')}/", "<frozen")


def home_of(module: str) -> Path | None:
    """The file that a module is, or the folder of the package that it belongs to."""
    for name in (module.partition(".")[0], module):
        if file := getattr(sys.modules.get(name), "__file__", None):
            return Path(file).parent if Path(file).name == "__init__.py" else Path(file)
    return None


def place_of(error: BaseException, home: Path | None = None) -> str | None:
    """``"chat.py, line 10"``: where in the plugin at ``home`` it came up; of no known home, where outside of Ours."""
    frame = _last(error, home)
    return f"{_name(frame.filename, home)}, line {frame.lineno}" if frame else None


def line_of(error: BaseException, home: Path | None = None) -> str | None:
    """``"chat.py, line 10: raise ValueError"``."""
    frame = _last(error, home)
    return f"{_name(frame.filename, home)}, line {frame.lineno}: {frame.line}".removesuffix(": ") if frame else None


def _last(error: BaseException, home: Path | None) -> traceback.FrameSummary | None:
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((frame for frame in frames if _is_authors(frame.filename, home)), None)


def _is_authors(file: str, home: Path | None) -> bool:
    if home is None:
        return "site-packages" in file or not file.startswith(_NOT_AN_AUTHORS)
    return Path(file) == home or home in Path(file).parents


def _name(file: str, home: Path | None) -> str:
    return str(Path(file).relative_to(home.parent)) if home else Path(file).name
