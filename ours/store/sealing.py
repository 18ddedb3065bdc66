"""Encryption at rest. A sealed value says which key made it, and opens only for the row it was sealed for."""

import hashlib
import hmac
import math
import os
import time
from collections import deque
from collections.abc import Callable

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ours import ids
from ours.errors import Damaged, KeyMissing

Ring = tuple[bytes, ...]
_VERSION = b"\x01"
_NONCE = 12
_FETCHED = 256
_KEY_ID = 4
_HEAD = len(_VERSION) + _KEY_ID
_AGAIN = 1.0


def derive(key: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"ours/{purpose}".encode()).derive(key)


class Sealer:
    """Seals with the first key of the ring (AES-256-GCM), opens with any.

    Format: version (1 byte) · key id (4) · nonce (12) · ciphertext and tag. ``bound`` (see ``binding``) is
    authenticated, so that a value moved to another row does not open.
    """

    def __init__(
        self, ring: Ring, again: Callable[[], Ring] | None = None, check: Callable[[], object] = lambda: None
    ) -> None:
        """:param again: reads the ring once more, when a value turns up that was sealed with a key added since.
        :param check: raises when nothing may be sealed with this ring."""
        self._check = check
        self._boxes = _boxes(ring)
        self._again = again
        self._read_at = -math.inf
        self._head, self._box = next(iter(self._boxes.items()))
        self._nonces = _Nonces()

    def seal(self, plain: bytes, bound: str) -> bytes:
        self._check()
        nonce = self._nonces.next()
        return self._head + nonce + self._box.encrypt(nonce, plain, bound.encode())

    def open(self, sealed: bytes, bound: str) -> bytes:
        """:raises Unsealable: when its key is not in the ring, or the value was changed or moved."""
        box = self._boxes.get(sealed[:_HEAD])
        if box is None:
            box = self._missed(sealed[:_HEAD])
        try:
            return box.decrypt(sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :], bound.encode())
        except (InvalidTag, ValueError):  # what was cut short is no cipher text at all
            raise Damaged from None

    def seal_json(self, value: object, bound: str) -> bytes:
        return self.seal(orjson.dumps(value), bound)

    def open_json(self, sealed: bytes, bound: str) -> dict[str, object]:
        opened: dict[str, object] = orjson.loads(self.open(sealed, bound))
        return opened

    @property
    def head(self) -> bytes:
        """What every value begins with that the ring's newest key made."""
        return self._head

    def head_of(self, key_id: str) -> bytes:
        """What every value begins with that the key of that id made, whether or not it is in the ring."""
        return _VERSION + bytes.fromhex(key_id)

    @property
    def key_ids(self) -> list[str]:
        """Which keys are in the ring just now, the newest first."""
        self._look_again()
        return [_id(head) for head in self._boxes]

    def _missed(self, head: bytes) -> AESGCM:
        self._look_again()
        box = self._boxes.get(head)
        if box is None:
            raise KeyMissing(_id(head)) if head[:1] == _VERSION and len(head) == _HEAD else Damaged
        return box

    def _look_again(self) -> None:
        """Once a second at most, however many values turn up whose key is missing."""
        if self._again and time.monotonic() - self._read_at >= _AGAIN:
            self._read_at = time.monotonic()
            self._boxes = _boxes(self._again()) | self._boxes

    def is_current(self, sealed: bytes) -> bool:
        """Whether the ring's newest key made it."""
        return sealed[:_HEAD] == self._head


def _id(head: bytes) -> str:
    return head[len(_VERSION) :].hex()


def _boxes(ring: Ring) -> dict[bytes, AESGCM]:
    return {_VERSION + bytes.fromhex(ids.of_secret_key(key)): AESGCM(derive(key, "seal")) for key in ring}


class _Nonces:
    """Random nonces, fetched many at a time: asking the system for each would let go of the interpreter each time.

    None is handed out twice: taking one from the deque is atomic, and a forked child begins with none.
    """

    def __init__(self) -> None:
        self._ready: deque[bytes] = deque()
        os.register_at_fork(after_in_child=self._ready.clear)

    def next(self) -> bytes:
        while True:
            try:
                return self._ready.popleft()
            except IndexError:
                fresh = os.urandom(_NONCE * _FETCHED)
                self._ready.extend(fresh[at : at + _NONCE] for at in range(0, len(fresh), _NONCE))


class Lookup:
    """Keyed hashes by which what names a person, or was said of one, is found again without being readable.

    The key never rotates. Without it nobody can try out what stands behind a hash.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod="sha256")
        self._content = hashlib.blake2b(key=derive(key, "content"), digest_size=16)

    def __call__(self, *parts: str) -> str:
        """32 hex digits that stand for ``parts`` (mode, kind, value)."""
        encoded = [part.encode() for part in parts]
        digest = self._keyed.copy()
        digest.update(b"".join([len(part).to_bytes(4) + part for part in encoded]))
        return digest.hexdigest()[:32]

    def content(self, data: bytes) -> str:
        """32 hex digits that stand for ``data``, which may be long."""
        digest = self._content.copy()
        digest.update(data)
        return digest.hexdigest()

    def repeat(self, mode: str, name: str, distinct_id: str) -> str:
        """32 hex digits by which a second event of that name and ``distinct_id`` is known."""
        return self.content(orjson.dumps([mode, name, distinct_id]))


def key_hash(key: str) -> str:
    """SHA-256 of an ingest key: what look-up uses."""
    return hashlib.sha256(key.encode()).hexdigest()
