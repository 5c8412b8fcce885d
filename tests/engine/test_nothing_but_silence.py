"""What is said where peers do not answer HELLO, and where both agreed on a stream of which nothing comes."""

from __future__ import annotations

import pytest
from attrs import evolve

from cts.api import Address
from cts.records.observer import Observer
from tests.engine.small_stream import PATH, SERVER, config_of
from tests.engine.virtual_world import World, in_world

BY_HELLO = {"handshake": "cts"}


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_who_gets_no_frame_of_what_both_agreed_on_names_the_size_that_does_not_pass(direction: str) -> None:
    async def main(world: World) -> None:
        server = world.session(config_of(run={"role": "server", "grace": "1h"}))
        running = await world.serve(server)
        stream = {"datagram_max_size": 1000}
        client = config_of(direction, run={"role": "client"}, client=BY_HELLO, stream=stream)
        report = await world.session(client, observer=Observer()).run()
        served = await running.stop()
        (result,) = (report if direction == "pull" else served).results
        assert (result.remark or "").startswith("both ends agreed on the stream, and no frame came in ")
        assert "datagrams of 1,000 bytes do not pass" in (result.remark or "")

    narrow = evolve(PATH, mtu_bytes=600)
    in_world(main, to_client=narrow, to_server=narrow)


OTHERS = [Address(f"192.0.2.{number}", 4444) for number in range(2, 12)]


@pytest.mark.parametrize(
    ("servers", "named"),
    [
        ([SERVER, OTHERS[0]], f"{SERVER} and {OTHERS[0]} do not answer HELLO and are asked by START"),
        ([SERVER, *OTHERS], f"{SERVER}, {', '.join(map(str, OTHERS[:6]))} and 4 others do not answer HELLO"),
    ],
)
def test_all_servers_that_do_not_answer_are_told_of_in_one_sentence(servers: list[Address], named: str) -> None:
    async def main(world: World) -> None:
        for server in servers:
            await world.listen(server)
        run = {"connections": len(servers), "target": [str(server) for server in servers]}
        client = config_of(run={"role": "client"}, client={"handshake": "auto", **run})
        (note,) = (await world.session(client, targets=servers).run()).notes
        assert note.startswith(named)

    in_world(main)
