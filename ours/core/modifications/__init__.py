"""The 29 modifications: what may be done to a value on its way out. Names are the vendor's, meanings are in the table.

One that is to hide something (a hash, a URL or an address made shorter) gives nothing at all where it can't be applied:
the field is then left out. What is a SHA-256 already, 64 hex digits, is never hashed again, only written in lower case.
A list is modified entry by entry.
"""

from ours.core.modifications.registry import HASHES, MODIFICATIONS, NONE, NULL, Modification, table

__all__ = ["HASHES", "MODIFICATIONS", "NONE", "NULL", "Modification", "table"]
