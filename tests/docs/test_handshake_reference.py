"""docs/reference/handshake.md: its tables are those of the code, its example is what both ends say."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path

import pytest
from attrs import fields

from cts.protocol.control.client import GIVES_UP_NS, HELLO_RETRY_NS
from cts.protocol.control.cookie import COOKIE_SLOT_NS
from cts.protocol.control.counts import ReceiverCounts, SenderCounts
from cts.protocol.control.datagrams import HELLO_SIZE, MAX_CONTROL_SIZE, VERSION, transcript
from cts.protocol.control.fields import MAX_FIELDS, MUST_UNDERSTAND, Field
from cts.protocol.control.keys import MAX_KEY_SIZE, MIN_KEY_SIZE
from cts.protocol.control.layouts import CODECS, LAYOUTS
from cts.protocol.control.limits import Reason
from cts.protocol.control.messages import Ping
from cts.protocol.control.pinging import PING_INTERVAL_NS
from cts.protocol.control.results import RESULTS_REPEATED_NS, RESULTS_RETRY_NS
from cts.protocol.control.session import WINDOW
from cts.protocol.control.states import TRANSITIONS
from cts.protocol.wire import CONTROL_FLAG
from cts.units import MILLISECOND, SECOND
from tests.protocol.control.ends import KEY, accept, acceptor_of, challenged, client_of, hear, tell

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "handshake.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def table(*heads: str) -> list[list[str]]:
    """Return the cells of the rows of the table with these heads."""
    rows = PAGE.partition(f"| {' | '.join(heads)} |\n")[2].splitlines()[1:]
    cells = []
    for row in rows:
        if not row.startswith("|"):
            break
        cells.append([cell.strip() for cell in row.strip("|").split("|")])
    return cells


def example(name: str) -> bytes:
    (text,) = re.findall(rf"^```hex {name}\n((?:[0-9a-f ]+\n)+)```$", PAGE, re.MULTILINE)
    return bytes.fromhex(text)


def test_the_messages_are_those_of_the_code() -> None:
    expected = [
        [
            str(kind.value),
            kind.name,
            " ".join(
                carried.field.name if carried.required else f"[{carried.field.name}]" for carried in layout.carried
            ),
        ]
        for kind, layout in LAYOUTS.items()
    ]
    rows = table("number", "message", "from", "fields")
    assert [[number, name, carried] for number, name, _, carried in rows] == expected


def test_the_fields_are_those_of_the_code() -> None:
    layouts = {field: codec.layout for field, codec in CODECS.items()} | {Field.PADDING: "any bytes"}
    rows = table("number", "field", "layout", "what")
    assert [row[:3] for row in rows] == [[str(field.value), field.name, layouts[field]] for field in Field]


def test_the_reasons_are_those_of_the_code() -> None:
    rows = table("reason", "name", "what")
    assert [row[:2] for row in rows] == [[str(reason.value), reason.name] for reason in Reason]


def test_the_states_are_those_of_the_code() -> None:
    expected = [
        [state.name, event.value, after.name] for state, row in TRANSITIONS.items() for event, after in row.items()
    ]
    assert table("state", "event", "next") == expected


@pytest.mark.parametrize(("name", "kind"), [("RECEIVED", ReceiverCounts), ("SENT", SenderCounts)])
def test_the_numbers_of_counts_are_in_the_order_of_the_code(name: str, kind: type) -> None:
    listed = WORDS.partition(f"Numbers of {name}, in order: ")[2].partition(":")[0]
    assert re.findall(r"`(\w+)`", listed) == [field.name for field in fields(kind)]


def test_the_bounds_are_those_of_the_code() -> None:
    assert GIVES_UP_NS == COOKIE_SLOT_NS == 5 * SECOND
    for words in (
        f"`0x{CONTROL_FLAG:04x}`",
        f"version, u8: {VERSION}",
        f"(`0x{MUST_UNDERSTAND:04x}`)",
        f"4 to {MAX_CONTROL_SIZE:,} bytes and {MAX_FIELDS} fields at most",
        f"HELLO has {HELLO_SIZE} bytes at least",
        f"repeats it {HELLO_RETRY_NS // MILLISECOND} ms after the last one",
        "gives up 5 s after the first",
        f"{MIN_KEY_SIZE} to {MAX_KEY_SIZE} bytes",
        f"{WINDOW} or more below",
        f"intervals of {PING_INTERVAL_NS // MILLISECOND} ms or more",
        f"every {RESULTS_RETRY_NS // MILLISECOND} ms until RESULTS_ACK comes or {RESULTS_REPEATED_NS // SECOND} s",
    ):
        assert words in WORDS


def test_the_example_is_what_both_ends_say() -> None:
    client, acceptor = client_of(key=KEY), acceptor_of(KEY)
    challenge = hear(acceptor, client_of(key=KEY).poll(0))
    hello = challenged(client, acceptor)
    welcome = accept(acceptor, hear(acceptor, hello)).answer
    tell(client, welcome)
    assert client.session is not None
    ping = client.session.seal(Ping(1000))
    assert hello.startswith(example("transcript"))
    assert [transcript(hello), challenge, welcome, ping] == [
        example(name) for name in ("transcript", "challenge", "welcome", "ping")
    ]


def test_who_follows_the_page_alone_computes_the_tags_of_the_example() -> None:
    def mac(size: int, key: bytes, person: bytes, over: bytes = b"") -> bytes:
        return blake2b(over, digest_size=size, key=key, person=person).digest()

    hello, welcome, ping = example("transcript"), example("welcome"), example("ping")
    both = len(hello).to_bytes(4, "little") + hello + welcome[:-20]
    assert welcome[-16:] == mac(16, b"\x6b" * 32, b"cts welcome", both)
    stream = mac(32, b"\x6b" * 32, b"cts stream", both)
    assert ping[8:16] == mac(8, stream, b"cts token")
    assert ping[-16:] == mac(16, mac(32, stream, b"cts from client"), b"cts tag", ping[:-20])
