"""Plugins that are wrong on purpose, each in one way, and what the contracts say of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import trio
from attrs import field, frozen

from cts.api import (
    Address,
    Frame,
    IDatagramEndpoint,
    IPacer,
    ISender,
    StreamPlan,
)
from cts.testing import ConnectedSocketFactoryContract, OneByOneSender, SenderContract

pytest_plugins = ["pytester"]


def complaints(contract: type, **attributes: object) -> dict[str, str]:
    """Run every test of a contract on a plugin and return what those that fail say."""
    tests = type("TestWrong", (contract,), attributes)
    said = {}
    for name in [name for name in dir(tests) if name.startswith("test_")]:
        try:
            getattr(tests(), name)()
        except AssertionError as error:
            said[name] = str(error)
    return said


def of_sender(sender_class: type, options: Mapping[str, object] | None = None) -> dict[str, str]:
    return complaints(SenderContract, sender_class=sender_class, options=options or {})


def of_factory(factory_class: type) -> dict[str, str]:
    return complaints(ConnectedSocketFactoryContract, factory_class=factory_class)


def test_a_right_sender_gives_no_cause_for_complaint() -> None:
    assert of_sender(OneByOneSender) == {}


# Senders that are no senders


class NotASender:
    api = 1
    options = None

    def __init__(self, options: object, plan: StreamPlan) -> None: ...

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        return await OneByOneSender(None, frame.plan).send_frame(frame, endpoint, peer, pacer)


def test_a_class_that_is_no_sender() -> None:
    said = of_sender(NotASender)
    assert said == {
        "test_it_is_a_sender_of_this_api": "NotASender is not an ISender: derive it from cts.api.ISender",
    }


def test_a_sender_that_cannot_send() -> None:
    class CannotSend(ISender):
        def __init__(self, options: object, plan: StreamPlan) -> None: ...

    with pytest.raises(AssertionError, match="CannotSend does not define send_frame"):
        type("TestWrong", (SenderContract,), {"sender_class": CannotSend})().test_it_is_a_sender_of_this_api()


def test_a_sender_of_another_api_version() -> None:
    class FromTheFuture(OneByOneSender):
        api = 7

    assert of_sender(FromTheFuture) == {
        "test_it_is_a_sender_of_this_api": "FromTheFuture says api = 7, but this cts speaks api = 1"
    }


def test_a_sender_whose_send_frame_is_no_coroutine_function() -> None:
    def send_frame(self: ISender, frame: Frame, *others: object) -> int:
        return frame.size

    tests = type(
        "TestWrong", (SenderContract,), {"sender_class": type("Sync", (OneByOneSender,), {"send_frame": send_frame})}
    )
    with pytest.raises(AssertionError, match=r"Sync\.send_frame must be `async def`"):
        tests().test_it_is_a_sender_of_this_api()


# Options


def test_options_that_are_no_attrs_class() -> None:
    class PlainOptions(OneByOneSender):
        options = dict

    said = of_sender(PlainOptions)["test_its_options_have_defaults_and_take_these_values"]
    assert said == "PlainOptions.options is <class 'dict'>; it must be an attrs class or None"


def test_an_option_without_a_default() -> None:
    @frozen
    class Options:
        colour: str

    class NeedsColour(OneByOneSender):
        options = Options

    said = of_sender(NeedsColour, {"colour": "blue"})["test_its_options_have_defaults_and_take_these_values"]
    assert said.startswith("NeedsColour.options.colour has no default")


def test_an_option_that_is_refused_says_why() -> None:
    @frozen
    class Options:
        colour: str = field(default="blue")

        def __attrs_post_init__(self) -> None:
            if self.colour != "blue":
                raise ValueError("colour must be blue")

    class Blue(OneByOneSender):
        options = Options

    tests = type("TestWrong", (SenderContract,), {"sender_class": Blue, "options": {"colour": "red"}})
    with pytest.raises(AssertionError, match=r"Blue\.options, colour = 'red': ValueError: colour must be blue"):
        tests().test_its_options_have_defaults_and_take_these_values()


def test_options_for_a_sender_that_has_none() -> None:
    said = of_sender(OneByOneSender, {"colour": "blue"})["test_its_options_have_defaults_and_take_these_values"]
    assert said == "OneByOneSender declares no options, but the test gives it ['colour']"


# Senders that send the wrong thing


class Wrong(OneByOneSender):
    """A sender whose subclasses go wrong at one datagram each, in the middle or at the end of a frame."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        sent = 0
        for number, payload in enumerate(frame.payloads, 1):
            sent += await self.send_datagram(frame, number, payload, endpoint, peer, pacer)
        return sent

    async def send_datagram(
        self, frame: Frame, number: int, payload: memoryview, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer
    ) -> int:
        return await endpoint.send(peer, frame.stamp(pacer.now_ns()), payload)


def test_a_sender_that_forgets_a_datagram() -> None:
    class Forgets(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            if number == 2:
                return 26 + len(payload)
            return await super().send_datagram(frame, number, payload, endpoint, peer, pacer)

    said = of_sender(Forgets)
    assert said["test_it_sends_every_datagram_of_a_frame_once"] == (
        "Forgets, equal datagrams (segment limit 1), frame 1: 2 datagrams left, the frame has 3;"
        " sizes missing: [1400], sent too often: []"
    )
    assert "returned 4200 bytes, 2800 left, the frame has 4200" in said["test_it_returns_the_bytes_that_it_sent"]


def test_a_sender_that_sends_a_datagram_twice() -> None:
    class Stutters(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            if number == 2:
                await super().send_datagram(frame, number, payload, endpoint, peer, pacer)
            return await super().send_datagram(frame, number, payload, endpoint, peer, pacer)

    said = of_sender(Stutters)["test_it_sends_every_datagram_of_a_frame_once"]
    assert said.endswith("4 datagrams left, the frame has 3; sizes missing: [], sent too often: [1400]")


def test_a_sender_that_counts_payloads_only() -> None:
    class Miscounts(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            return await super().send_datagram(frame, number, payload, endpoint, peer, pacer) - 26

    assert of_sender(Miscounts) == {
        "test_it_returns_the_bytes_that_it_sent": (
            "Miscounts, one tiny datagram a frame (segment limit 1), frame 1: send_frame returned 14 bytes, 40 left,"
            " the frame has 40"
        )
    }


def test_a_sender_that_returns_nothing() -> None:
    async def send_frame(
        self: OneByOneSender, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer
    ) -> None:
        await OneByOneSender.send_frame(self, frame, endpoint, peer, pacer)

    said = of_sender(type("Mute", (OneByOneSender,), {"send_frame": send_frame}))
    assert said.keys() == {"test_it_returns_the_bytes_that_it_sent"}
    assert "send_frame returned None, not the number of bytes sent" in said["test_it_returns_the_bytes_that_it_sent"]


def test_a_sender_that_changes_a_payload() -> None:
    class Scribbles(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            scribbled = bytes(payload[:-1]) + b"!" if number == 3 else payload
            return await endpoint.send(peer, frame.stamp(pacer.now_ns()), scribbled)

    assert of_sender(Scribbles) == {
        "test_every_payload_is_the_pattern_from_its_beginning": (
            "Scribbles, equal datagrams (segment limit 1), frame 1: the payload of datagram 3 is not the pattern; send the"
            " frame's payloads as they are"
        )
    }


def test_a_sender_that_numbers_frames_by_itself() -> None:
    class CountsFromZero(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            header = frame.stamp(pacer.now_ns())
            header[2:10] = (frame.sequence - 1).to_bytes(8, "little")
            return await endpoint.send(peer, header, payload)

    said = of_sender(CountsFromZero)["test_every_header_is_that_of_its_frame"]
    assert said.endswith("a datagram of frame 0 left in the call for frame 1")


def test_a_sender_that_sends_something_else() -> None:
    class Greets(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            return await endpoint.send(peer, b"START")

    tests = type("TestWrong", (SenderContract,), {"sender_class": Greets})
    with pytest.raises(AssertionError, match="frame 1: sent no data datagram: Start is not a data datagram"):
        tests().test_every_header_is_that_of_its_frame()


def test_a_sender_with_a_clock_rate_of_its_own() -> None:
    class Nanoseconds(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            header = frame.stamp(pacer.now_ns())
            header[18:26] = (10**9).to_bytes(8, "little")
            return await endpoint.send(peer, header, payload)

    assert of_sender(Nanoseconds)["test_every_header_is_that_of_its_frame"].endswith("QPF is 1000000000, not 10000000")


def test_a_sender_with_a_peer_of_its_own() -> None:
    class Strays(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            return await super().send_datagram(frame, number, payload, endpoint, Address("203.0.113.9", 9), pacer)

    assert of_sender(Strays) == {
        "test_it_sends_to_the_given_peer_only": (
            "Strays, one tiny datagram a frame (segment limit 1): a datagram went to 203.0.113.9:9, the peer is 192.0.2.77:50000"
        )
    }


def test_a_sender_that_puts_unequal_payloads_into_one_call() -> None:
    class Lumps(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            return await endpoint.send_segments(peer, frame.stamp(pacer.now_ns()), frame.payloads[::-1])

    said = of_sender(Lumps)["test_it_sends_every_datagram_of_a_frame_once"]
    assert "all must have one length, only the last may be shorter" in said


# Senders that send at the wrong time


def test_a_sender_that_sends_ahead() -> None:
    class Hurries(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            if frame.sequence == 1:
                following = Frame(frame.plan, 2, frame.due_ns)
                await super().send_frame(following, endpoint, peer, pacer)
            if frame.sequence == 2:
                return frame.size
            return await super().send_frame(frame, endpoint, peer, pacer)

    said = of_sender(Hurries)
    assert said["test_nothing_leaves_before_its_frame_is_due"] == (
        "Hurries, one tiny datagram a frame (segment limit 1): a datagram of frame 2 left 40 ms before it was due"
    )


def test_a_sender_that_stamps_the_due_time() -> None:
    class Pretends(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            return await endpoint.send(peer, frame.stamp(frame.due_ns), payload)

    said = of_sender(Pretends)
    assert said.keys() == {"test_every_stamp_is_the_time_of_its_send"}
    assert "handed over 3.0001 ms late), frame 1: a datagram's stamp says 3.0001 ms before" in said.popitem()[1]


def test_a_sender_that_stamps_and_then_waits() -> None:
    class Dawdles(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            header, sent = frame.stamp(pacer.now_ns()), 0
            for payload in frame.payloads:
                await pacer.wait_until(pacer.now_ns() + 1_000_000)
                sent += await endpoint.send(peer, header, payload)
            return sent

    said = of_sender(Dawdles)["test_every_stamp_is_the_time_of_its_send"]
    assert (
        "a datagram's stamp says 1 ms before the moment it left; call frame.stamp(pacer.now_ns()) right before" in said
    )


def test_a_sender_that_stamps_the_future() -> None:
    class Foresees(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            return await endpoint.send(peer, frame.stamp(pacer.now_ns() + 2_000_000), payload)

    assert "stamp says 2 ms after the moment it left" in of_sender(Foresees)["test_every_stamp_is_the_time_of_its_send"]


def test_a_sender_that_never_returns() -> None:
    class Sleeps(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            return await trio.sleep_forever()

    tests = type("TestWrong", (SenderContract,), {"sender_class": Sleeps})
    with pytest.raises(AssertionError, match="frame 1: send_frame had not returned after 3600 s"):
        tests().test_it_returns_the_bytes_that_it_sent()


# Senders that do not end as they should


def test_a_sender_that_swallows_cancellation_in_the_pacer() -> None:
    class Stubborn(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            try:
                await pacer.wait_until(frame.due_ns + 1_000_000)
            except trio.Cancelled:
                pass
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert of_sender(Stubborn) == {
        "test_a_cancelled_wait_for_the_pacer_ends_the_call": (
            "Stubborn, one tiny datagram a frame, cancelled in pacer.wait_until: swallowed trio.Cancelled and returned; let it pass"
        )
    }


def test_a_sender_that_swallows_cancellation_in_the_network() -> None:
    class Insists(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            while True:
                try:
                    return await super().send_datagram(frame, number, payload, endpoint, peer, pacer)
                except trio.Cancelled:
                    pass

    said = of_sender(Insists)
    assert said.keys() == {"test_a_cancelled_wait_for_the_network_ends_the_call"}
    assert "cancelled in the send of datagram 1: swallowed trio.Cancelled and returned" in said.popitem()[1]


def test_a_sender_that_shields_itself() -> None:
    class Shields(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            with trio.CancelScope(shield=True):
                return await super().send_frame(frame, endpoint, peer, pacer)

    said = of_sender(Shields)
    assert said.keys() == {"test_a_cancelled_wait_for_the_network_ends_the_call"}
    assert "went on for 3.6e+06 ms instead of ending at once" in said.popitem()[1]


def test_a_sender_that_turns_cancellation_into_an_error() -> None:
    class Complains(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            try:
                return await super().send_frame(frame, endpoint, peer, pacer)
            except trio.Cancelled:
                raise RuntimeError("how rude") from None

    said = of_sender(Complains)
    assert said.keys() == {"test_a_cancelled_wait_for_the_network_ends_the_call"}
    assert "raised RuntimeError: how rude instead of trio.Cancelled" in said.popitem()[1]


def test_a_sender_that_swallows_an_error_of_the_network() -> None:
    class Shrugs(Wrong):
        async def send_datagram(
            self,
            frame: Frame,
            number: int,
            payload: memoryview,
            endpoint: IDatagramEndpoint,
            peer: Address,
            pacer: IPacer,
        ) -> int:
            try:
                return await super().send_datagram(frame, number, payload, endpoint, peer, pacer)
            except OSError:
                return 0

    assert of_sender(Shrugs) == {
        "test_an_error_of_the_network_reaches_the_caller": (
            "Shrugs, one tiny datagram a frame (segment limit 1): the endpoint raised an OSError for datagram 1, but nothing"
            " came out of send_frame; let it pass"
        )
    }


def test_a_sender_that_makes_another_error_of_it() -> None:
    class Translates(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            try:
                return await super().send_frame(frame, endpoint, peer, pacer)
            except OSError as error:
                raise RuntimeError("oh no") from error

    said = of_sender(Translates)
    assert said.keys() == {"test_an_error_of_the_network_reaches_the_caller"}
    assert "but RuntimeError: oh no came out of send_frame" in said.popitem()[1]


def test_a_sender_in_whose_nursery_the_error_is_wrapped_is_right() -> None:
    class Nurses(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            async with trio.open_nursery():
                sent = await super().send_frame(frame, endpoint, peer, pacer)
            return sent

    assert of_sender(Nurses) == {}


def test_a_sender_that_leaves_a_task_behind() -> None:
    class Delegates(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            trio.lowlevel.spawn_system_task(super().send_frame, frame, endpoint, peer, pacer)
            return frame.size

    said = of_sender(Delegates)["test_it_leaves_no_task_behind"]
    assert "left after send_frame had returned: nobody would count or stop them" in said


def test_a_sender_that_leaves_an_idle_task_behind() -> None:
    class Hoards(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            trio.lowlevel.spawn_system_task(trio.sleep_forever)
            return await super().send_frame(frame, endpoint, peer, pacer)

    said = of_sender(Hoards)
    assert said.keys() == {"test_it_leaves_no_task_behind"}
    assert "tasks were left running (10); use a nursery inside send_frame" in said.popitem()[1]


def test_a_sender_that_keeps_every_frame() -> None:
    class Remembers(OneByOneSender):
        def __init__(self, options: object, plan: StreamPlan) -> None:
            self.frames: list[Frame] = []

        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            self.frames.append(frame)
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert of_sender(Remembers) == {
        "test_it_lets_go_of_sent_frames": (
            "Remembers, one tiny datagram a frame: still holds 10 of 10 frames that were sent"
        )
    }


def test_a_sender_whose_streams_share_state() -> None:
    class Shares(OneByOneSender):
        last_due_ns = 0

        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            if Shares.last_due_ns == frame.due_ns:
                await pacer.wait_until(frame.due_ns + 1000)
            Shares.last_due_ns = frame.due_ns
            return await super().send_frame(frame, endpoint, peer, pacer)

    said = of_sender(Shares)["test_streams_do_not_share_state"]
    assert said == "Shares, one tiny datagram a frame: two streams at once do not each send what one alone does"


# What a plugin imports

PLUGIN = """
from cts.testing import OneByOneSender
{line}

class Imported(OneByOneSender): ...
"""


@pytest.fixture
def load(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Import a module of a package ``stranger`` from source, until the test is over."""

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "stranger"]:
            del sys.modules[name]

    def load(name: str, source: str) -> None:
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = module_from_spec(spec)
        spec.loader.exec_module(module)

    request.addfinalizer(forget)
    return load


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("import cts.protocol.wire", "cts.protocol.wire"),
        ("import cts", "cts"),
        ("from cts import errors", "cts.errors"),
        ("from cts.engine.senders import AutoSender", "cts.engine.senders"),
        ("from cts.protocol import wire", "cts.protocol"),
    ],
)
def test_a_plugin_that_imports_the_inside_of_cts(load: Callable[[str, str], None], line: str, imported: str) -> None:
    load("stranger.sender", PLUGIN.format(line=line))
    said = of_sender(sys.modules["stranger.sender"].Imported)
    assert said.keys() == {"test_it_imports_nothing_of_cts_but_the_api"}
    assert (
        f"stranger.sender, line 3, imports {imported}: a plugin may import cts.api and cts.testing only"
        in said.popitem()[1]
    )


def test_a_plugin_whose_other_module_imports_the_inside_of_cts(load: Callable[[str, str], None]) -> None:
    load("stranger.wiring", "\n\nfrom cts.protocol import wire\n")
    load("stranger.sender", PLUGIN.format(line="from stranger import wiring"))
    assert "stranger.wiring, line 3, imports cts.protocol" in "".join(
        of_sender(sys.modules["stranger.sender"].Imported).values()
    )


@pytest.mark.parametrize("line", ["import cts.api", "from cts import api", "from cts.testing.pacers import MockPacer"])
def test_a_plugin_that_imports_the_api_is_right(load: Callable[[str, str], None], line: str) -> None:
    load("stranger.sender", PLUGIN.format(line=line))
    assert of_sender(sys.modules["stranger.sender"].Imported) == {}
