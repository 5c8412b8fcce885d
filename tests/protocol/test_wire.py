"""Datagrams and their bytes: layout, order of checks, and what hostile bytes decode to."""

from __future__ import annotations

import struct
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cts.errors import DecodeError
from cts.protocol.wire import (
    CONNECTION_ID_LENGTH,
    HEADER_SIZE,
    MAX_DATAGRAM_SIZE,
    NANOSECONDS_PER_TICK,
    TICKS_PER_SECOND,
    ConnectionId,
    Data,
    Datagram,
    Start,
    decode_untrusted,
)

UUID_TEXT = "27a22e1f-549a-4e0c-a6f9-89c72ab6bc09"
INT64 = st.integers(-(2**63), 2**63 - 1)
FLAGGED = st.builds(
    lambda flag, rest: flag + rest,
    st.sampled_from([b"\x00\x00", b"\x00\x10", b"\x10\x00", b"ST"]),
    st.binary(max_size=60),
)


def decode_or_refuse(datagram: bytes | memoryview) -> Datagram | None:
    try:
        return decode_untrusted(datagram)
    except DecodeError:
        return None


def test_the_sizes_are_those_of_the_wire_format() -> None:
    assert (HEADER_SIZE, CONNECTION_ID_LENGTH, MAX_DATAGRAM_SIZE) == (26, 39, 65_500)


def test_the_clock_ticks_are_those_of_windows() -> None:
    assert (TICKS_PER_SECOND, NANOSECONDS_PER_TICK) == (10_000_000, 100)


def test_start_is_five_ascii_letters() -> None:
    assert Start().encode() == b"START"
    assert decode_untrusted(b"START") == Start()


@pytest.mark.parametrize("datagram", [b"STAR", b"STARTS", b"START\0", b"start", b"STARt", b" STAR"])
def test_only_the_exact_length_and_content_are_a_start(datagram: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_untrusted(datagram)


def test_a_connection_id_is_a_flag_36_characters_and_a_nul() -> None:
    encoded = ConnectionId(UUID_TEXT).encode()
    assert encoded == b"\x00\x10" + UUID_TEXT.encode() + b"\0"
    assert decode_untrusted(encoded) == ConnectionId(UUID_TEXT)


@pytest.mark.parametrize("rest", [b"\0", b"more", b"\xff" * 1400])
def test_what_follows_a_connection_id_is_ignored(rest: bytes) -> None:
    assert decode_untrusted(ConnectionId(UUID_TEXT).encode() + rest) == ConnectionId(UUID_TEXT)


def test_a_connection_id_cut_short_by_one_byte_is_refused() -> None:
    with pytest.raises(DecodeError, match="38 bytes"):
        decode_untrusted(ConnectionId(UUID_TEXT).encode()[:-1])


def test_a_connection_id_without_its_nul_is_refused() -> None:
    with pytest.raises(DecodeError, match="not a UUID"):
        decode_untrusted(ConnectionId(UUID_TEXT).encode()[:-1] + b"x")


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s",
        "27a22e1f-549a-4e0c-a6f9-89c72ab6bc0g",
        "27a22e1f0549a-4e0c-a6f9-89c72ab6bc09",
        "27a22e1f-549a-4e0c-a6f9-89c72ab6bc0\n",
        "\0" * 36,
    ],
)
def test_text_that_is_no_uuid_never_reaches_a_log(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_untrusted(b"\x00\x10" + text.encode()[:36].ljust(36, b"0") + b"\0")


def test_a_connection_id_may_be_in_capitals() -> None:
    assert decode_untrusted(ConnectionId(UUID_TEXT.upper()).encode()) == ConnectionId(UUID_TEXT.upper())


def test_data_lies_at_absolute_offsets_in_little_endian() -> None:
    datagram = bytearray(28)
    datagram[2:10] = (0x0102030405060708).to_bytes(8, "little")
    datagram[10:18] = (0x1112131415161718).to_bytes(8, "little")
    datagram[18:26] = (0x2122232425262728).to_bytes(8, "little")
    datagram[26:] = b"\xaa\xbb"
    decoded = Data(0x0102030405060708, 0x1112131415161718, 0x2122232425262728, b"\xaa\xbb")
    assert decode_untrusted(bytes(datagram)) == decoded
    assert decoded.encode() == bytes(datagram)


def test_the_numbers_of_a_data_datagram_are_signed() -> None:
    assert decode_untrusted(b"\0\0" + b"\xff" * 24 + b"\x07") == Data(-1, -1, -1, b"\x07")


def test_data_needs_a_header_and_one_byte_of_payload() -> None:
    assert isinstance(decode_untrusted(bytes(27)), Data)
    with pytest.raises(DecodeError, match="26 bytes has no payload"):
        decode_untrusted(bytes(26))


def test_five_bytes_that_are_not_start_are_judged_by_their_flag() -> None:
    with pytest.raises(DecodeError, match="no payload"):
        decode_untrusted(b"\0\0ART")


@pytest.mark.parametrize("flag", [0x0001, 0x0010, 0x1001, 0x2000, 0xFFFF])
def test_an_unknown_flag_is_refused_and_named(flag: int) -> None:
    with pytest.raises(DecodeError, match=f"0x{flag:04x}"):
        decode_untrusted(struct.pack("<H", flag) + bytes(100))


@pytest.mark.parametrize("datagram", [b"", b"\0", b"S"])
def test_fewer_bytes_than_a_flag_are_refused(datagram: bytes) -> None:
    with pytest.raises(DecodeError, match="too few"):
        decode_untrusted(datagram)


def test_the_payload_of_a_memoryview_is_a_view_into_the_same_buffer() -> None:
    buffer = bytearray(40)
    decoded = decode_untrusted(memoryview(buffer))
    assert isinstance(decoded, Data)
    buffer[26] = 9
    assert decoded.payload[0] == 9


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), FLAGGED))
@example(b"\x00\x10" + b"\xff" * 36 + b"\0")
def test_any_bytes_decode_to_a_value_or_the_one_error_however_they_are_held(datagram: bytes) -> None:
    assert decode_or_refuse(datagram) == decode_or_refuse(memoryview(datagram))


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), FLAGGED))
@example(b"\0\0" + bytes(25))
def test_what_decodes_encodes_to_the_bytes_that_were_looked_at(datagram: bytes) -> None:
    decoded = decode_or_refuse(datagram)
    if decoded is not None:
        looked_at = datagram[:CONNECTION_ID_LENGTH] if isinstance(decoded, ConnectionId) else datagram
        assert decoded.encode() == looked_at


@settings(deadline=None)
@given(INT64, INT64, INT64, st.binary(min_size=1, max_size=100))
def test_data_survives_the_round_trip(sequence: int, qpc: int, qpf: int, payload: bytes) -> None:
    data = Data(sequence, qpc, qpf, payload)
    assert decode_untrusted(data.encode()) == data


@settings(deadline=None)
@given(st.uuids(), st.binary(max_size=20))
def test_a_connection_id_survives_the_round_trip(uuid: UUID, rest: bytes) -> None:
    connection_id = ConnectionId(str(uuid))
    assert decode_untrusted(connection_id.encode() + rest) == connection_id
