"""When a peer that was there counts as silent: by time and by questions, so that neither loss nor a halt is taken for it."""

from __future__ import annotations

from cts.protocol.control.channel import StreamChannel
from cts.protocol.control.messages import Results
from cts.protocol.control.pinging import PING_INTERVAL_NS, SILENT_AFTER_NS, SILENT_AFTER_PINGS, Pinger
from cts.units import SECOND
from tests.protocol.control.ends import channels, give, meet, sent


def pinger_of() -> Pinger:
    return Pinger(0, jitter=lambda: 0.0)


def asked(pinger: Pinger, until_ns: int) -> int:
    """Have it ask whenever it is due, until then; return the last instant at which it did."""
    at_ns = pinger.due_ns
    while pinger.due_ns <= until_ns:
        at_ns = pinger.due_ns
        pinger.ping(at_ns)
    return at_ns


def test_a_peer_of_which_nothing_comes_for_half_a_minute_is_silent() -> None:
    pinger = pinger_of()
    asked(pinger, SILENT_AFTER_NS)
    assert pinger.silence_ns(SILENT_AFTER_NS - 1) is None
    assert pinger.silence_ns(SILENT_AFTER_NS) == SILENT_AFTER_NS


def test_whatever_comes_of_it_it_is_not() -> None:
    pinger = pinger_of()
    pinger.peer_heard(asked(pinger, SILENT_AFTER_NS))
    assert pinger.silence_ns(SILENT_AFTER_NS) is None
    assert asked(pinger, 2 * SILENT_AFTER_NS) == 2 * SILENT_AFTER_NS
    assert pinger.silence_ns(2 * SILENT_AFTER_NS) == SILENT_AFTER_NS


def test_an_end_that_asks_seldom_waits_until_it_has_asked_often_enough() -> None:
    pinger = Pinger(0, jitter=lambda: 0.0, interval_ns=4 * SECOND)
    asked(pinger, (SILENT_AFTER_PINGS - 2) * 4 * SECOND)
    assert pinger.silence_ns(pinger.due_ns) is None
    pinger.ping(pinger.due_ns)
    assert pinger.silence_ns(pinger.due_ns) == SILENT_AFTER_PINGS * 4 * SECOND


def test_an_end_that_stood_still_for_long_asks_again_before_it_takes_its_peer_for_gone() -> None:
    pinger = pinger_of()
    woken_ns = 10 * SILENT_AFTER_NS
    pinger.ping(woken_ns)
    assert pinger.silence_ns(woken_ns) is None


def test_a_year_of_asking_over_thirty_percent_of_loss_each_way_takes_no_peer_for_gone() -> None:
    unanswered = 1 - 0.7**2
    # Pings of one stream follow each other by 200 ms; those of very many by 2 ms, all together, and each needs as many in vain.
    runs_in_vain = (365 * 86_400 / 0.2) * unanswered ** (SILENT_AFTER_NS // (PING_INTERVAL_NS * 3 // 2))
    assert runs_in_vain < 1e-20
    of_all_in_a_day = (86_400 / 0.002) * unanswered**SILENT_AFTER_PINGS
    assert of_all_in_a_day < 1e-4


def ask_until(channel: StreamChannel, until_ns: int) -> None:
    """Have an end ask in vain, until then."""
    while channel.due_ns <= until_ns:
        sent(channel, channel.due_ns)


def test_an_end_says_of_a_peer_that_was_there_that_it_fell_silent_and_of_no_other() -> None:
    client, server = channels()
    assert client.silence(SILENT_AFTER_NS) is None
    meet(client, server)
    assert client.silence(SILENT_AFTER_NS) is None
    ask_until(client, SILENT_AFTER_NS)
    assert client.silence(SILENT_AFTER_NS) == (
        "the peer fell silent: nothing came of it for 30 s, though it was asked 150 times"
    )


def test_what_is_made_up_ends_no_silence() -> None:
    client, server = channels()
    meet(client, server)
    (ping,) = sent(server, SECOND)
    ask_until(client, SILENT_AFTER_NS)
    give(client, [ping[:-1] + bytes([ping[-1] ^ 1])], SILENT_AFTER_NS)
    assert client.silence(SILENT_AFTER_NS) is not None
    give(client, [ping], SILENT_AFTER_NS)
    assert client.silence(SILENT_AFTER_NS) is None


def test_nobody_has_to_say_anything_once_this_side_is_over() -> None:
    client, server = channels()
    meet(client, server)
    ask_until(client, SILENT_AFTER_NS)
    client.finish(Results("Succeeded"), SILENT_AFTER_NS, peer_ends_ns=SILENT_AFTER_NS)
    assert client.silence(SILENT_AFTER_NS) is None
