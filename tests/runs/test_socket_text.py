"""What is said of a run's sockets, before it and in its report."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.config import structure_config
from cts.output.buffer_text import buffers_json, buffers_text, short_buffers
from cts.output.figures import overflow_text
from cts.records.buffers import BufferRoom, SocketBuffers
from cts.runs.own_processes import MessageReader, packed
from cts.runs.session_settings import WorkerSetup, session_settings, socket_options
from cts.runs.socket_text import socket_notes, socket_rows, without_effect
from cts.runs.workers.messages import WorkerTask

KEYS: dict[str, object] = {
    "run": {"interface": "lo", "ttl": 5, "receive_buffer": "8 MiB", "send_buffer": "1 MiB"},
    "stream": {"dscp": "EF"},
    "client": {"bind": "127.0.0.5:5000-5009", "connections": 10},
}
MIB = 1 << 20
SHORT = SocketBuffers(BufferRoom(8 * MIB, 208 * 1024, True), BufferRoom(4 * MIB, 208 * 1024))
WHOLE = SocketBuffers(BufferRoom(4 * MIB, 4 * MIB), BufferRoom(4 * MIB, 4 * MIB))


def test_a_plan_says_what_sockets_are_set_to_and_that_a_simulation_has_none() -> None:
    assert socket_rows(structure_config(KEYS)) == [
        (
            "sockets",
            (
                "DSCP 46 (EF), TTL and hop limit 5, only by interface lo, client from 127.0.0.5, ports 5000 to 5009, "
                "8 MiB of receive buffer, 1 MiB of send buffer (cts sim has no sockets)"
            ),
        )
    ]
    assert socket_rows(structure_config({})) == []


def test_every_key_of_sockets_is_told_to_be_without_effect_in_a_simulation() -> None:
    assert without_effect(structure_config(KEYS)) == [
        "run.interface",
        "run.ttl",
        "run.receive_buffer",
        "run.send_buffer",
        "stream.dscp",
        "client.bind",
    ]
    assert without_effect(structure_config({})) == []


def test_a_worker_gets_what_the_configuration_says_of_sockets() -> None:
    config = structure_config(KEYS)
    setup = WorkerSetup.of(config, "here")
    task = WorkerTask(
        settings=session_settings(config),
        source="here",
        offload=True,
        sockets=setup.sockets,
        began_ns=0,
        listen=(),
        targets=(),
    )
    (came,) = MessageReader().feed(packed(task))
    assert isinstance(came, WorkerTask)
    assert came.sockets == socket_options(config)
    assert came.sockets.client_ports == (5000, 5009)


@pytest.mark.parametrize(
    ("listen", "target", "told"),
    [
        ("[::1]:4444", "127.0.0.1:4444", True),
        ("[::]:4444", "127.0.0.1:4444", True),
        ("[::]:4444", "[::1]:4444", False),
        ("127.0.0.1:4445", "127.0.0.1:4444", True),
        ("127.0.0.1:0", "127.0.0.1:4444", True),
        ("0.0.0.0:4444", "127.0.0.1:4444", False),
        ("*:4444", "[::1]:4444", False),
        ("localhost:4444", "127.0.0.1:4444", False),
        ("127.0.0.1:4444", "localhost:4444", False),
        ("127.0.0.1:4444", "127.0.0.1:4444", False),
    ],
)
def test_a_loopback_run_whose_client_does_not_ask_its_own_server_is_told_so(
    listen: str, target: str, told: bool
) -> None:
    notes = socket_notes(structure_config({"server": {"listen": listen}, "client": {"target": target}}))
    assert [
        f"client.target {target!r} leads to no address that this run listens on ({listen})" in each for each in notes
    ] == [True] * told


def test_a_loopback_run_by_another_interface_than_lo_is_told_that_nothing_may_arrive() -> None:
    (note,) = socket_notes(structure_config({"run": {"interface": "eth0"}}))
    assert note.startswith("run.interface is 'eth0': what a host sends to itself goes by lo")
    client = {"role": "client", "interface": "eth0"}
    assert socket_notes(structure_config({"run": client, "client": {"target": "192.0.2.1"}})) == []


def test_the_banner_says_what_buffers_there_are() -> None:
    assert buffers_text(WHOLE) == "buffers: 4 MiB to receive, 4 MiB to send"
    assert buffers_text(SHORT) == (
        "buffers: 208 KiB of 8 MiB to receive, 208 KiB of 4 MiB to send; the rest is beyond net.core.rmem_max and "
        "net.core.wmem_max"
    )


def test_less_than_was_asked_for_by_name_is_told_with_the_sysctl_that_would_give_it() -> None:
    (told,) = short_buffers(SHORT)
    assert told == (
        "run.receive_buffer: the kernel gives 208 KiB of 8 MiB; for all of it: sysctl -w net.core.rmem_max=8388608, "
        "or run with CAP_NET_ADMIN"
    )
    assert short_buffers(WHOLE) == []


def test_an_overflow_is_told_with_what_would_give_more_room() -> None:
    assert overflow_text(3, SHORT).endswith(
        "receive buffer full; it has 208 KiB; for more: sysctl -w net.core.rmem_max=8388608"
    )
    limited = evolve(WHOLE, receive=evolve(WHOLE.receive, limit=4 * MIB))
    assert overflow_text(3, limited).endswith(
        "receive buffer full; it has 4 MiB; for more: run.receive_buffer = '8 MiB' after sysctl -w net.core.rmem_max=8388608"
    )
    assert overflow_text(0, SHORT) == "0 datagrams dropped by the kernel: receive buffer full"


def test_nobody_is_advised_to_lower_a_limit() -> None:
    small = evolve(WHOLE, receive=BufferRoom(8192, 8192, by_name=True, limit=4 * MIB))
    assert overflow_text(3, small).endswith("it has 8 KiB; for more: run.receive_buffer = '4 MiB'")


def test_the_json_has_both_in_bytes_and_null_without_sockets() -> None:
    assert buffers_json(SHORT) == {
        "receive": {"asked": 8 * MIB, "given": 208 * 1024},
        "send": {"asked": 4 * MIB, "given": 208 * 1024},
    }
    assert buffers_json(None) is None
