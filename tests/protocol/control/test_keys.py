from __future__ import annotations

import hmac
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.control import keys as keys_module
from cts.protocol.control.acceptor import Incoming
from cts.protocol.control.key_file import MAX_KEYS, read_keys
from cts.protocol.control.keys import Key, KeyRing, StreamKeys
from cts.protocol.control.messages import Hello
from tests.protocol.control.ends import KEY, accept, acceptor_of, challenged, channels, client_of, hear

SECRET_HEX = "5b0c0f0a9d417e3a" * 4
SECRET = bytes.fromhex(SECRET_HEX)


def shown(value: object) -> str:
    return f"{value!r} {value!s} {value}"


def reveals(text: str) -> bool:
    """Tell whether a text has any eight bytes of the key, written in one of the ways in which Python does."""
    pieces = [SECRET[at : at + 8] for at in range(len(SECRET) - 7)]
    return any(piece.hex() in text.lower() or repr(piece)[2:-1] in text for piece in pieces)


def test_the_test_would_see_a_key_that_is_shown() -> None:
    assert reveals(f"Key({SECRET!r})")
    assert reveals(f"line 1: {SECRET_HEX.upper()}")
    assert not reveals("Key(name='alice')")


# ------------------------------------------------------------------------------------------------ what is never shown


def test_a_key_does_not_show_itself() -> None:
    key = Key("alice", SECRET)
    assert shown(key).count("alice") == 3
    assert not reveals(shown(key))
    assert not reveals(shown(KeyRing([key])) + shown([key]) + shown({"key": key}))


def test_nothing_that_has_a_key_shows_it() -> None:
    key = Key(None, SECRET)
    client, acceptor = client_of(key=key), acceptor_of(key)
    incoming = hear(acceptor, challenged(client, acceptor))
    assert isinstance(incoming, Incoming)
    assert incoming.key is key
    accepted = accept(acceptor, incoming)
    for value in (client, acceptor, incoming, accepted, accepted.session, *channels(key)):
        assert not reveals(shown(value))


def test_the_keys_of_a_stream_do_not_show_themselves() -> None:
    keys = StreamKeys.of(KEY, b"hello", b"welcome")
    assert keys.from_client.hex() not in shown(keys).encode().hex()
    assert repr(keys.from_client)[2:-1] not in shown(keys)
    assert repr(keys.from_server)[2:-1] not in shown(keys)


@pytest.mark.parametrize(
    "text",
    [
        f"alice {SECRET_HEX} more",
        f"alice {SECRET_HEX}0",
        f"alice {SECRET_HEX}{SECRET_HEX}{SECRET_HEX}",
        f"al+ice {SECRET_HEX}",
        f"{SECRET_HEX} {SECRET_HEX}",
        f"alice {SECRET_HEX[:30]}",
        f"{SECRET_HEX} alice",
        f"alice {SECRET_HEX}\nalice {SECRET_HEX}",
        f"{SECRET_HEX}\n{SECRET_HEX}",
        f"alice:{SECRET_HEX}",
    ],
)
def test_what_is_wrong_with_a_key_file_is_said_without_what_is_in_it(text: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        read_keys(text)
    assert not reveals(shown(caught.value))
    assert not reveals("".join(traceback.format_exception(caught.value)))
    assert caught.value.__cause__ is None


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_a_key_of_a_wrong_length_is_refused_without_it(secret: bytes) -> None:
    if 16 <= len(secret) <= 64:
        assert Key(None, secret).name is None
    else:
        with pytest.raises(ValueError, match=f"a key has {len(secret)} bytes; allowed: 16 to 64$"):
            Key(None, secret)


# ------------------------------------------------------------------------------------------------ a file


def test_a_file_has_keys_with_and_without_names() -> None:
    ring = read_keys(f"# ours\n\nalice {SECRET_HEX} # laptop\n  {SECRET_HEX[::-1]}\nbob\t{SECRET_HEX[:32]}\r\n")
    assert len(ring) == 3
    assert repr(ring) == "KeyRing(alice, None, bob)"
    assert ring.names == ("alice", None, "bob")
    assert ring.first.name == "alice"
    assert [ring.find(name) is not None for name in ("alice", None, "bob", "carol")] == [True, True, True, False]


def test_a_key_of_a_file_is_the_one_that_was_written() -> None:
    key = read_keys(f"alice {SECRET_HEX.upper()}").find("alice")
    assert key is not None
    assert key.hello_tag(b"x") == Key("bob", SECRET).hello_tag(b"x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no key"),
        ("# nothing\n", "there is no key"),
        ("\nalice nothex", "line 2: a key is an even number of hexadecimal digits"),
        ("a b c", "line 1: a line has a name and a key, or a key alone"),
        ("a 00", "line 1: a key has 1 bytes; allowed: 16 to 64"),
        (f"a+b {SECRET_HEX}", "line 1: a key's name has 1 to 64 letters"),
        (f"{SECRET_HEX} {SECRET_HEX}", "line 1: there are two keys on a line"),
        (f"a {SECRET_HEX}\na {SECRET_HEX}", "two keys are called 'a'"),
        (f"{SECRET_HEX}\n{SECRET_HEX}", "two keys have no name"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_line(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_keys(text)


def test_a_file_may_be_no_longer_than_is_good() -> None:
    lines = [f"user{number} {SECRET_HEX}" for number in range(MAX_KEYS)]
    assert len(read_keys("\n".join(lines))) == MAX_KEYS
    with pytest.raises(ValueError, match=f"line {MAX_KEYS + 1}: there are more than"):
        read_keys("\n".join([*lines, f"one-more {SECRET_HEX}"]))


# ------------------------------------------------------------------------------------------------ what is derived


def test_every_derived_value_is_another_one() -> None:
    keys = StreamKeys.of(KEY, b"hello", b"welcome")
    values = [
        KEY.hello_tag(b"x"),
        KEY.welcome_tag(b"", b"x"),
        KEY.welcome_tag(b"x", b""),
        keys.from_client[:16],
        keys.from_server[:16],
        keys.token + keys.token,
        keys_module.tag_of(keys.from_client, b"x"),
    ]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    "other",
    [
        (None, b"hello", b"welcome"),
        (KEY, b"hellow", b"elcome"),
        (KEY, b"hello", b"welcom"),
        (Key("alice", b"j" * 32), b"hello", b"welcome"),
    ],
)
def test_the_keys_of_a_stream_follow_from_the_shared_key_and_both_messages(
    other: tuple[Key | None, bytes, bytes],
) -> None:
    keys, others = StreamKeys.of(KEY, b"hello", b"welcome"), StreamKeys.of(*other)
    assert keys.from_client == StreamKeys.of(Key("bob", b"k" * 32), b"hello", b"welcome").from_client
    assert not {keys.token, keys.from_client, keys.from_server} & {others.token, others.from_client, others.from_server}


def test_tags_and_cookies_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    client, acceptor = client_of(key=KEY), acceptor_of(KEY)
    incoming = hear(acceptor, challenged(client, acceptor))
    assert isinstance(incoming, Incoming)
    assert isinstance(incoming.hello, Hello)
    # The cookie with those of two slots, then the tag of HELLO.
    assert len(compared) == 3
    assert compared[0][0] == compared[1][0] == incoming.hello.cookie
