"""Passwords of people: hashed with argon2id, and checked in the same time whether or not there is such a person."""

from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ours import ids
from ours.errors import Invalid

SHORTEST = 12


class Passwords:
    """The library's defaults, which follow RFC 9106; when they rise, hashes are renewed at the next sign-in."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def match(self, hashed: str | None, password: str) -> bool:
        """Whether ``password`` is the one that was hashed; without a hash the same work is done for nothing."""
        try:
            self._hasher.verify(hashed or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

    def is_old(self, hashed: str) -> bool:
        return self._hasher.check_needs_rehash(hashed)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(ids.new_password())


def check(password: str, email: str, field: str) -> None:
    """:raises Invalid: when it is too easy to guess; ``field`` is what the form calls it."""
    if len(password) < SHORTEST:
        raise Invalid.at(field, f"A password has at least {SHORTEST} characters.")
    if password.strip().lower() == email:
        raise Invalid.at(field, "The password must not be the email.")
