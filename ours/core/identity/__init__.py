"""Works out whom an event is about: a ``Book`` is loaded, events are resolved in it, its changes are saved.

``needs`` says what to load, ``Book.wanted`` what is still missing then, ``resolve`` decides, ``Book.changes`` says what
to write. The same events in the same order give the same visitors however they are split into batches.
"""

from ours.core.identity.book import Book, Changes, Holding, Record
from ours.core.identity.facts import Facts, Identifier, Needs, identifiers, named, needs
from ours.core.identity.resolving import Resolution, resolve

__all__ = [
    "Book",
    "Changes",
    "Facts",
    "Holding",
    "Identifier",
    "Needs",
    "Record",
    "Resolution",
    "identifiers",
    "named",
    "needs",
    "resolve",
]
