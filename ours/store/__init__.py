"""The only room that knows SQL."""

from ours.store.engine import Store
from ours.store.sealing import Lookup, Sealer, derive, key_hash

__all__ = ["Lookup", "Sealer", "Store", "derive", "key_hash"]
