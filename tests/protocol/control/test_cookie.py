from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cts.protocol.control.cookie import COOKIE_SLOT_NS, cookie_of, is_fresh_cookie, slot_of
from tests.protocol.control.ends import ADDRESS, NONCE, PORT, SECRET

NOW = 1000 * COOKIE_SLOT_NS


def made(now_ns: int) -> bytes:
    return cookie_of(SECRET, ADDRESS, PORT, NONCE, slot_of(now_ns))


def is_fresh(cookie: bytes, now_ns: int) -> bool:
    return is_fresh_cookie(SECRET, ADDRESS, PORT, NONCE, cookie, now_ns)


@settings(deadline=None)
@given(st.integers(-(2**60), 2**60), st.integers(0, 3 * COOKIE_SLOT_NS))
def test_a_cookie_is_good_for_one_slot_at_least_and_two_at_most(made_ns: int, age_ns: int) -> None:
    fresh = is_fresh(made(made_ns), made_ns + age_ns)
    assert fresh == (slot_of(made_ns + age_ns) - slot_of(made_ns) <= 1)
    assert fresh or age_ns >= COOKIE_SLOT_NS
    assert not fresh or age_ns < 2 * COOKIE_SLOT_NS


def test_a_cookie_of_the_future_is_not_good() -> None:
    assert not is_fresh(made(NOW + COOKIE_SLOT_NS), NOW)


def test_a_cookie_is_good_for_who_got_it_alone() -> None:
    cookie = made(NOW)
    assert is_fresh_cookie(SECRET, ADDRESS, PORT, NONCE, cookie, NOW)
    assert not is_fresh_cookie(SECRET, ADDRESS + b"0", PORT, NONCE, cookie, NOW)
    assert not is_fresh_cookie(SECRET, ADDRESS, PORT + 1, NONCE, cookie, NOW)
    assert not is_fresh_cookie(SECRET, ADDRESS, PORT, NONCE[::-1], cookie, NOW)
    assert not is_fresh_cookie(SECRET[::-1], ADDRESS, PORT, NONCE, cookie, NOW)


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_made_up_cookies_are_not_good_however_long_they_are(cookie: bytes) -> None:
    assert not is_fresh(cookie, NOW)


def test_an_address_and_a_nonce_cannot_be_read_as_others() -> None:
    assert cookie_of(SECRET, b"ab", PORT, b"c" * 16, 0) != cookie_of(SECRET, b"a", PORT, b"b" + b"c" * 16, 0)


def test_each_slot_has_a_key_of_its_own() -> None:
    assert len({made(NOW + slot * COOKIE_SLOT_NS) for slot in range(100)}) == 100
