"""Keys that two ends share, and what is derived from them. All of it is keyed BLAKE2b (RFC 7693).

========================  ==========================================================  ===========================
what                      key                                                         over
========================  ==========================================================  ===========================
tag of HELLO              the shared key                                              HELLO before its tag
tag of WELCOME            the shared key                                              transcript, WELCOME before its tag
key of a stream           the shared key, none where there is none                    the same
keys of its two ways      the key of the stream                                       nothing
its token                 the key of the stream                                       nothing
========================  ==========================================================  ===========================

The transcript is HELLO without cookie, padding and tag (:func:`cts.protocol.control.datagrams.transcript`): it has the
client's nonce and everything that it asked for; WELCOME has the server's nonce and everything that it answered.

What a shared key promises: each end knows that the other has it, that what both said came unaltered, that no control datagram
of the stream is made up, altered or repeated. It does not hide anything, and it does not cover media; REFUSED and CHALLENGE
have no tag. Without a shared key a stream has keys all the same: who has seen neither HELLO nor WELCOME cannot make its control
datagrams (a blind forger would have to guess 128 bits of nonce, or of tag); who has seen them can.

No key is ever shown: not in ``repr``, not in ``str``, not in an error.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import blake2b

from attrs import field, frozen

from cts.protocol.control.fields import TAG_SIZE, TOKEN_SIZE, is_key_name

__all__ = ["MAX_KEY_SIZE", "MIN_KEY_SIZE", "Key", "KeyRing", "StreamKeys", "same", "tag_of"]

MIN_KEY_SIZE = 16
MAX_KEY_SIZE = 64
"""Bytes of a key; BLAKE2b takes no more."""


def same(tag: bytes, wanted: bytes) -> bool:
    """Tell whether a tag from the network is the one that is wanted, in a time that does not depend on it."""
    return hmac.compare_digest(tag, wanted)


def tag_of(key: bytes, covered: bytes) -> bytes:
    """Return the tag of a stream's control datagram."""
    return blake2b(covered, key=key, person=b"cts tag", digest_size=TAG_SIZE).digest()


@frozen(eq=False)
class Key:
    """A key that a client and a server share.

    Args:
        name: whose it is, which the server logs; None for one that all use.
        secret: 16 to 64 bytes that nobody else knows; from a source of chance, not a password.

    Raises:
        ValueError: it is too short, too long or badly named; the text does not have the key.
    """

    name: str | None
    _secret: bytes = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if not MIN_KEY_SIZE <= len(self._secret) <= MAX_KEY_SIZE:
            raise ValueError(f"a key has {len(self._secret)} bytes; allowed: {MIN_KEY_SIZE} to {MAX_KEY_SIZE}")
        if self.name is not None and not is_key_name(self.name):
            raise ValueError("a key's name has 1 to 64 letters, digits or ._@-")

    def hello_tag(self, covered: bytes) -> bytes:
        """Return the tag of a HELLO."""
        return blake2b(covered, key=self._secret, person=b"cts hello", digest_size=TAG_SIZE).digest()

    def welcome_tag(self, hello: bytes, covered: bytes) -> bytes:
        """Return the tag of a WELCOME.

        Args:
            hello: the transcript of HELLO.
            covered: the WELCOME before its tag.
        """
        return blake2b(_both(hello, covered), key=self._secret, person=b"cts welcome", digest_size=TAG_SIZE).digest()

    def stream_key(self, hello: bytes, welcome: bytes) -> bytes:
        """Return what the keys of a stream come from."""
        return _stream_key(self._secret, hello, welcome)


def _both(hello: bytes, welcome: bytes) -> bytes:
    return len(hello).to_bytes(4, "little") + hello + welcome


def _stream_key(secret: bytes, hello: bytes, welcome: bytes) -> bytes:
    return blake2b(_both(hello, welcome), key=secret, person=b"cts stream", digest_size=32).digest()


@frozen(eq=False)
class StreamKeys:
    """The keys of one stream.

    Attributes:
        token: tells the stream's control datagrams from those of another one of the same two addresses; it is no secret.
        from_client, from_server: key of what each end says, so that nothing can be sent back to its sayer.
    """

    token: bytes
    from_client: bytes = field(repr=False)
    from_server: bytes = field(repr=False)

    @classmethod
    def of(cls, key: Key | None, hello: bytes, welcome: bytes) -> StreamKeys:
        """Return them.

        Args:
            key: the shared one, None where there is none.
            hello: the transcript of HELLO.
            welcome: the WELCOME before its tag.
        """
        root = _stream_key(b"", hello, welcome) if key is None else key.stream_key(hello, welcome)
        token, client, server = (
            blake2b(key=root, person=person, digest_size=size).digest()
            for person, size in ((b"cts token", TOKEN_SIZE), (b"cts from client", 32), (b"cts from server", 32))
        )
        return cls(token, client, server)


class KeyRing:
    """The keys that a server knows, each of another name; its ``repr`` has the names alone.

    Raises:
        ValueError: two have the same name, or there is none at all.
    """

    __slots__ = ("_keys", "first")

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys: dict[str | None, Key] = {}
        for key in keys:
            if key.name in self._keys:
                what = "two keys have no name" if key.name is None else f"two keys are called {key.name!r}"
                raise ValueError(what)
            self._keys[key.name] = key
        if not self._keys:
            raise ValueError("there is no key")
        self.first = next(iter(self._keys.values()))
        """The one that a client uses which names none."""

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(str(name) for name in self._keys)})"

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def names(self) -> tuple[str | None, ...]:
        """Whose they are; None for the one without a name."""
        return tuple(self._keys)

    def find(self, name: str | None) -> Key | None:
        """Return the key of that name; None for unknown."""
        return self._keys.get(name)
