"""Senders that are wrong on purpose, each in one way, and what the contract says of them."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from attrs import frozen

from cts.api import HEADER_SIZE, Address, BackgroundTask, Frame, IDatagramEndpoint, IPacer, StreamPlan
from cts.testing import OneByOneSender, SenderContract, complaints, plan_of

PLANS = {"three datagrams": plan_of(2 * 1400 + 200, frames=5, frame_rate=25)}


def said_of(sender_class: type) -> dict[str, str]:
    return complaints(SenderContract, sender_class=sender_class, plans=PLANS)


@frozen
class Turn:
    """One datagram's turn in a sender of this file."""

    frame: Frame
    number: int
    payload: memoryview
    endpoint: IDatagramEndpoint
    peer: Address
    pacer: IPacer


class Turned(OneByOneSender):
    """Sends in order; a subclass goes wrong at one datagram."""

    async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
        sent = 0
        for number, payload in enumerate(frame.payloads, 1):
            sent += await self.send_one(Turn(frame, number, payload, endpoint, peer, pacer))
        return sent

    async def send_one(self, at: Turn) -> int:
        return await at.endpoint.send(at.peer, at.frame.stamp(at.pacer.now_ns()), at.payload)


@pytest.mark.parametrize("sender_class", [OneByOneSender, Turned])
def test_a_right_sender_gives_no_cause_for_complaint(sender_class: type) -> None:
    assert complaints(SenderContract, sender_class=sender_class) == {}


# What it sends


def test_a_sender_that_forgets_a_datagram() -> None:
    class Forgets(Turned):
        async def send_one(self, at: Turn) -> int:
            return HEADER_SIZE + len(at.payload) if at.number == 2 else await super().send_one(at)

    said = said_of(Forgets)
    where = "Forgets, three datagrams (segment limit 1), frame 1"
    assert said["test_it_sends_every_datagram_of_a_frame_once"] == (
        f"{where}: 2 datagrams left, the frame has 3; sizes missing: [1400], sent too often: []"
    )
    assert said["test_it_returns_the_bytes_that_it_sent"] == (
        f"{where}: send_frame returned 3000 bytes, 1600 left, the frame has 3000"
    )


def test_a_sender_that_sends_a_datagram_twice() -> None:
    class Stutters(Turned):
        async def send_one(self, at: Turn) -> int:
            return await super().send_one(at) + (await super().send_one(at) if at.number == 3 else 0)

    said = said_of(Stutters)["test_it_sends_every_datagram_of_a_frame_once"]
    assert said.endswith("frame 1: 4 datagrams left, the frame has 3; sizes missing: [], sent too often: [200]")


def test_a_sender_that_counts_payloads_only() -> None:
    class Miscounts(Turned):
        async def send_one(self, at: Turn) -> int:
            return await super().send_one(at) - HEADER_SIZE

    assert said_of(Miscounts) == {
        "test_it_returns_the_bytes_that_it_sent": "Miscounts, three datagrams (segment limit 1), frame 1: send_frame returned"
        " 2922 bytes, 3000 left, the frame has 3000"
    }


def test_a_sender_that_returns_nothing() -> None:
    async def send_frame(
        self: OneByOneSender, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer
    ) -> None:
        await OneByOneSender.send_frame(self, frame, endpoint, peer, pacer)

    assert said_of(type("Mute", (OneByOneSender,), {"send_frame": send_frame})) == {
        "test_it_returns_the_bytes_that_it_sent": "Mute, three datagrams (segment limit 1), frame 1: send_frame returned None,"
        " not the number of bytes sent"
    }


def test_a_sender_that_changes_a_payload() -> None:
    class Scribbles(Turned):
        async def send_one(self, at: Turn) -> int:
            payload = bytes(at.payload[:-1]) + b"!" if at.number == 3 else at.payload
            return await at.endpoint.send(at.peer, at.frame.stamp(at.pacer.now_ns()), payload)

    assert said_of(Scribbles) == {
        "test_every_payload_is_the_pattern_from_its_beginning": "Scribbles, three datagrams (segment limit 1), frame 1: the"
        " payload of datagram 3 is not the pattern; send the frame's payloads as they are"
    }


def test_a_sender_that_goes_on_with_the_pattern_where_the_last_datagram_ended() -> None:
    class GoesOn(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            long = b"".join(number.to_bytes(2, "little") for number in range(1500))
            sent = at = 0
            for payload in frame.payloads:
                sent += await endpoint.send(peer, frame.stamp(pacer.now_ns()), long[at : at + len(payload)])
                at += len(payload)
            return sent

    assert said_of(GoesOn).keys() == {"test_every_payload_is_the_pattern_from_its_beginning"}


def test_a_sender_that_numbers_frames_from_zero() -> None:
    class FromZero(Turned):
        async def send_one(self, at: Turn) -> int:
            header = at.frame.stamp(at.pacer.now_ns())
            header[2:10] = (at.frame.sequence - 1).to_bytes(8, "little")
            return await at.endpoint.send(at.peer, header, at.payload)

    assert said_of(FromZero)["test_every_header_is_that_of_its_frame"] == (
        "FromZero, three datagrams (segment limit 1), frame 1: a datagram of frame 0 left in its call"
    )


def test_a_sender_that_stamps_a_frame_once() -> None:
    class StampsOnce(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            header, sent = frame.stamp(pacer.now_ns()), 0
            for payload in frame.payloads:
                sent += await endpoint.send(peer, header, payload)
            return sent

    assert said_of(StampsOnce) == {
        "test_every_datagram_of_a_frame_has_a_stamp_of_its_own": "StampsOnce, three datagrams (segment limit 1), frame 1:"
        " datagram 2 has the stamp of the one before it, so that a receiver takes one of them for a copy; stamp each datagram"
        " anew, and a train of n with frame.stamp(pacer.now_ns(), n)"
    }


def test_a_sender_that_puts_one_header_before_a_whole_train() -> None:
    class OneHeader(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            sent = 0
            for train in frame.trains(endpoint.segment_limit):
                sent += await endpoint.send_train(peer, frame.stamp(pacer.now_ns()), train)
            return sent

    assert said_of(OneHeader).keys() == {"test_every_datagram_of_a_frame_has_a_stamp_of_its_own"}


def test_a_sender_with_a_clock_rate_of_its_own() -> None:
    class Nanoseconds(Turned):
        async def send_one(self, at: Turn) -> int:
            header = at.frame.stamp(at.pacer.now_ns())
            header[18:26] = (10**9).to_bytes(8, "little")
            return await at.endpoint.send(at.peer, header, at.payload)

    assert said_of(Nanoseconds) == {
        "test_every_header_is_that_of_its_frame": "Nanoseconds, three datagrams (segment limit 1), frame 1: QPF is 1000000000,"
        " not 10000000"
    }


def test_a_sender_that_sends_what_is_no_data() -> None:
    class Greets(Turned):
        async def send_one(self, at: Turn) -> int:
            return await at.endpoint.send(at.peer, b"START")

    said = said_of(Greets)
    assert said["test_every_header_is_that_of_its_frame"].endswith(
        "sent no data datagram: Start is not a data datagram"
    )
    assert said["test_nothing_leaves_before_its_frame_is_due"] == "DecodeError: Start is not a data datagram"


def test_a_sender_with_a_peer_of_its_own() -> None:
    class Strays(Turned):
        async def send_one(self, at: Turn) -> int:
            return await at.endpoint.send(Address("203.0.113.9", 9), at.frame.stamp(at.pacer.now_ns()), at.payload)

    assert said_of(Strays) == {
        "test_it_sends_to_the_given_peer_only": "Strays, three datagrams (segment limit 1): a datagram went to 203.0.113.9:9,"
        " the peer is 192.0.2.77:50000"
    }


def test_a_sender_that_puts_unequal_payloads_into_one_call() -> None:
    class Lumps(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            return await endpoint.send_train(peer, frame.stamp(pacer.now_ns()), frame.payloads[::-1])

    said = said_of(Lumps)["test_it_sends_every_datagram_of_a_frame_once"]
    assert said.startswith("send_train was given payloads of [174, 1374, 1374] bytes; all must have one length")


def test_a_sender_that_goes_wrong_only_where_there_is_an_offload() -> None:
    class Skips(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            if endpoint.segment_limit == 1:
                return await super().send_frame(frame, endpoint, peer, pacer)
            return await endpoint.send_train(peer, frame.stamp(pacer.now_ns()), frame.payloads[:-1])

    said = said_of(Skips)["test_it_sends_every_datagram_of_a_frame_once"]
    assert said.startswith("Skips, three datagrams (segment limit 46), frame 1: 2 datagrams left")


# When it sends


def test_a_sender_that_sends_ahead() -> None:
    class Hurries(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            if frame.sequence == 1:
                await super().send_frame(Frame(frame.plan, 2, frame.due_ns), endpoint, peer, pacer)
            return await super().send_frame(frame, endpoint, peer, pacer) if frame.sequence != 2 else frame.size

    assert said_of(Hurries)["test_nothing_leaves_before_its_frame_is_due"] == (
        "Hurries, three datagrams (segment limit 1): a datagram of frame 2 left 40 ms before it was due"
    )


def test_a_sender_that_stamps_the_due_time() -> None:
    class Pretends(Turned):
        async def send_one(self, at: Turn) -> int:
            return await at.endpoint.send(at.peer, at.frame.stamp(at.frame.due_ns), at.payload)

    assert said_of(Pretends) == {
        "test_every_stamp_is_the_time_of_its_send": "Pretends, three datagrams (segment limit 1, handed over 3.0001 ms late),"
        " frame 1: a datagram's stamp says 3.0001 ms before the moment it left; call frame.stamp(pacer.now_ns()) right before"
        " each send, after every wait"
    }


def test_a_sender_that_stamps_and_then_waits() -> None:
    class Dawdles(Turned):
        async def send_one(self, at: Turn) -> int:
            header = at.frame.stamp(at.pacer.now_ns())
            await at.pacer.wait_until(at.pacer.now_ns() + 1_000_000)
            return await at.endpoint.send(at.peer, header, at.payload)

    said = said_of(Dawdles)["test_every_stamp_is_the_time_of_its_send"]
    assert "a datagram's stamp says 1 ms before the moment it left" in said


def test_a_sender_that_stamps_the_future() -> None:
    class Foresees(Turned):
        async def send_one(self, at: Turn) -> int:
            return await at.endpoint.send(at.peer, at.frame.stamp(at.pacer.now_ns() + 2_000_000), at.payload)

    said = said_of(Foresees)
    assert said.keys() == {"test_every_stamp_is_the_time_of_its_send"}
    assert "a datagram's stamp says 2 ms after the moment it left" in said.popitem()[1]


def test_a_sender_that_never_returns() -> None:
    class Sleeps(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            return await trio.sleep_forever()

    tests = type("Tests", (SenderContract,), {"sender_class": Sleeps, "plans": PLANS})
    with pytest.raises(AssertionError, match="frame 1: send_frame had not returned after 3600 s"):
        tests().test_it_returns_the_bytes_that_it_sent()


# How it ends


def test_a_sender_that_swallows_cancellation_in_the_pacer() -> None:
    class Stubborn(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            with suppress(trio.Cancelled):
                await pacer.wait_until(frame.due_ns + 1_000_000)
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert said_of(Stubborn) == {
        "test_a_cancelled_wait_for_the_pacer_ends_the_call": "Stubborn, three datagrams, cancelled in pacer.wait_until:"
        " swallowed trio.Cancelled and returned; let it pass"
    }


def test_a_sender_that_tries_again_when_it_is_cancelled() -> None:
    class Insists(Turned):
        async def send_one(self, at: Turn) -> int:
            while True:
                with suppress(trio.Cancelled):
                    return await super().send_one(at)

    assert said_of(Insists) == {
        "test_a_cancelled_wait_for_the_network_ends_the_call": "Insists, three datagrams (segment limit 1), cancelled in the"
        " send of datagram 1: swallowed trio.Cancelled and returned; let it pass"
    }


def test_a_sender_that_swallows_cancellation_at_the_last_datagram_only() -> None:
    class Careless(Turned):
        async def send_one(self, at: Turn) -> int:
            if at.number == 3:
                with suppress(trio.Cancelled):
                    return await super().send_one(at)
                return 0
            return await super().send_one(at)

    said = said_of(Careless)
    assert said.keys() == {"test_a_cancelled_wait_for_the_network_ends_the_call"}
    assert "cancelled in the send of datagram 3" in said.popitem()[1]


def test_a_sender_that_shields_itself() -> None:
    class Shields(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            sent = 0
            with trio.CancelScope(shield=True):
                sent += await super().send_frame(frame, endpoint, peer, pacer)
            return sent

    said = said_of(Shields)
    assert said.keys() == {"test_a_cancelled_wait_for_the_network_ends_the_call"}
    assert "went on for 1 h instead of ending at once" in said.popitem()[1]


def test_a_sender_that_turns_cancellation_into_an_error() -> None:
    class Grumbles(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            try:
                return await super().send_frame(frame, endpoint, peer, pacer)
            except trio.Cancelled:
                raise RuntimeError("how rude") from None

    said = said_of(Grumbles)
    assert said.keys() == {"test_a_cancelled_wait_for_the_network_ends_the_call"}
    assert "raised RuntimeError: how rude instead of trio.Cancelled" in said.popitem()[1]


def test_a_sender_that_swallows_an_error_of_the_network() -> None:
    class Shrugs(Turned):
        async def send_one(self, at: Turn) -> int:
            with suppress(OSError):
                return await super().send_one(at)
            return 0

    assert said_of(Shrugs) == {
        "test_an_error_of_the_network_reaches_the_caller": "Shrugs, three datagrams (segment limit 1): the endpoint raised an"
        " OSError for datagram 1, but nothing came out of send_frame; let it pass"
    }


def test_a_sender_that_makes_another_error_of_it() -> None:
    class Translates(Turned):
        async def send_one(self, at: Turn) -> int:
            try:
                return await super().send_one(at)
            except OSError as error:
                raise RuntimeError("oh no") from error

    said = said_of(Translates)
    assert said.keys() == {"test_an_error_of_the_network_reaches_the_caller"}
    assert "but RuntimeError: oh no came out of send_frame" in said.popitem()[1]


def test_a_sender_that_works_in_a_nursery_is_right_though_that_wraps_errors() -> None:
    class Nurses(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            sent = 0
            async with trio.open_nursery():
                sent += await super().send_frame(frame, endpoint, peer, pacer)
            return sent

    assert said_of(Nurses) == {}


def test_a_sender_that_leaves_the_work_to_a_task() -> None:
    class Delegates(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            trio.lowlevel.spawn_system_task(super().send_frame, frame, endpoint, peer, pacer)
            return frame.size

    tests = type("Tests", (SenderContract,), {"sender_class": Delegates, "plans": PLANS})
    with pytest.raises(AssertionError, match="15 datagrams left after send_frame had returned: nobody would count"):
        tests().test_it_leaves_no_task_behind()


def test_a_sender_that_leaves_an_idle_task_behind() -> None:
    class Hoards(OneByOneSender):
        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            trio.lowlevel.spawn_system_task(trio.sleep_forever)
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert said_of(Hoards) == {
        "test_it_leaves_no_task_behind": "Hoards, three datagrams (segment limit 1): tasks were left running (5); use a nursery"
        " inside send_frame"
    }


def test_a_sender_that_keeps_every_frame() -> None:
    class Remembers(OneByOneSender):
        def __init__(self, options: object, plan: StreamPlan) -> None:
            self.frames: list[Frame] = []

        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            self.frames.append(frame)
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert said_of(Remembers) == {
        "test_it_lets_go_of_sent_frames": "Remembers, three datagrams: still holds 5 of 5 frames that were sent"
    }


def test_a_sender_whose_streams_share_state() -> None:
    class Shares(OneByOneSender):
        last_due_ns = 0

        async def send_frame(self, frame: Frame, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> int:
            if Shares.last_due_ns == frame.due_ns:
                await pacer.wait_until(frame.due_ns + 1000)
            Shares.last_due_ns = frame.due_ns
            return await super().send_frame(frame, endpoint, peer, pacer)

    assert said_of(Shares)["test_streams_do_not_share_state"] == (
        "Shares, three datagrams: two streams at once do not each send what one alone does"
    )


# What runs beside it


def test_a_sender_whose_background_task_waits_for_its_pacer_gives_no_cause_for_complaint() -> None:
    class Ticks(OneByOneSender):
        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
            async def tick() -> None:
                while True:
                    await pacer.wait_until(pacer.now_ns() + 10_000_000)

            return tick

    assert said_of(Ticks) == {}


def test_a_sender_whose_background_task_fails() -> None:
    class Fails(OneByOneSender):
        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
            async def fail() -> None:
                raise ValueError("no such device")

            return fail

    assert said_of(Fails) == {
        "test_its_background_task_runs_until_it_is_cancelled": "Fails, three datagrams: the task of background raised"
        " ValueError: no such device"
    }


def test_a_sender_whose_background_task_outlives_its_cancellation() -> None:
    class Lingers(OneByOneSender):
        def background(self, endpoint: IDatagramEndpoint, peer: Address, pacer: IPacer) -> BackgroundTask:
            async def linger() -> None:
                with trio.CancelScope(shield=True):
                    await trio.sleep(60)

            return linger

    said = said_of(Lingers)["test_its_background_task_runs_until_it_is_cancelled"]
    assert said == "Lingers, three datagrams: the task of background went on for 59.64 s instead of ending at once"
