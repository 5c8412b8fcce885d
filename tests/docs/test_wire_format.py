"""docs/wire-format.md: its example datagrams are what the protocol makes and reads, its tables what the protocol has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cts.config.endpoint_text import DEFAULT_PORT
from cts.errors import DecodeError
from cts.protocol.wire import (
    CONNECTION_ID_FLAG,
    CONNECTION_ID_LENGTH,
    DATA_FLAG,
    HEADER_SIZE,
    MAX_DATAGRAM_SIZE,
    TICKS_PER_SECOND,
    ConnectionId,
    Data,
    Datagram,
    Start,
    decode_untrusted,
    matches_pattern,
)
from cts.testing import plan_of

PAGE = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text(encoding="utf-8")
EXAMPLES = [
    (words, bytes.fromhex(text))
    for words, text in re.findall(r"^```hex (.*)\n((?:[0-9a-f ]+\n)+)```$", PAGE, re.MULTILINE)
]
GOOD = [(words, datagram) for words, datagram in EXAMPLES if not words.startswith("none")]
BAD = [(words, datagram) for words, datagram in EXAMPLES if words.startswith("none")]


def said(words: str, datagram: bytes) -> Datagram:
    """Return the datagram that an example says it is."""
    kind, *rest = words.split()
    if kind == "start":
        return Start()
    if kind == "connection-id":
        return ConnectionId(rest[0])
    assert kind == "data"
    values = {key: int(value) for key, value in (each.split("=") for each in rest)}
    payload = datagram[-values["payload"] :]
    assert matches_pattern(payload)
    return Data(values["sequence"], values["qpc"], values["qpf"], payload)


def layout(kind: str) -> list[tuple[int, str]]:
    """Return offset and length of each row of the table below the paragraph that begins with ``kind``."""
    section = PAGE.partition(f"\n**{kind}**")[2].partition("```")[0]
    return [
        (int(offset), length) for offset, length in re.findall(r"^\| (\d+) \| (\w[\w ]*?) \|", section, re.MULTILINE)
    ]


def test_each_kind_of_datagram_has_an_example() -> None:
    assert {type(decode_untrusted(datagram)) for _, datagram in GOOD} == {Start, ConnectionId, Data}
    assert len(BAD) == 3
    assert len(EXAMPLES) == PAGE.count("```hex")


@pytest.mark.parametrize(("words", "datagram"), GOOD, ids=[words.split()[0] for words, _ in GOOD])
def test_an_example_is_decoded_to_what_it_says_and_made_of_it(words: str, datagram: bytes) -> None:
    expected = said(words, datagram)
    assert decode_untrusted(datagram) == expected
    assert expected.encode() == datagram


@pytest.mark.parametrize(("words", "datagram"), BAD, ids=[words for words, _ in BAD])
def test_what_is_said_to_be_no_datagram_is_none(words: str, datagram: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_untrusted(datagram)


def test_the_layouts_fill_their_datagrams_without_a_gap() -> None:
    for kind, size in (("START", 5), ("Connection id", CONNECTION_ID_LENGTH), ("Data", HEADER_SIZE)):
        at = 0
        for offset, length in layout(kind):
            assert offset == at, kind
            at += int(length) if length.isdigit() else 0
        assert at == size, kind


def test_the_numbers_are_those_of_the_protocol() -> None:
    for number in (
        f"`0x{DATA_FLAG:04x}`",
        f"`0x{CONNECTION_ID_FLAG:04x}`",
        f"{MAX_DATAGRAM_SIZE:,}",
        f"{TICKS_PER_SECOND:,}",
    ):
        assert number in PAGE
    assert f"port is {DEFAULT_PORT}" in PAGE


def test_the_example_of_a_frame_is_cut_as_it_says() -> None:
    ((frame, most, sizes),) = re.findall(r"^```sizes frame=(\d+) max=(\d+)\n([\d ]+)\n```$", PAGE, re.MULTILINE)
    plan = plan_of(int(frame), datagram_max_size=int(most))
    assert list(plan.datagram_sizes) == [int(size) for size in sizes.split()]
