"""How each picture is read, in the words that stand below it."""

from __future__ import annotations

__all__ = [
    "DELAY",
    "DISTRIBUTION",
    "EXPECTED",
    "FRAMES",
    "LOSS",
    "LOSS_BY_PLACE",
    "LOSS_RUNS",
    "PLAYOUT",
    "RATE",
    "RATES",
    "SENT",
    "STREAMS",
    "TRUST",
    "VERDICTS",
]

RATE = (
    "What came in time for its frame, against what was due in the same time. Where the two part, frames lacked "
    "something. One point is the mean of a window, so that a short dip may be deeper than it looks; the frames "
    "below show it."
)
RATES = (
    "What came in time for its frame, each run from its own beginning. One point is the mean of a window, so that a "
    "short dip may be deeper than it looks."
)
SENT = "What this side handed to its network, from one status to the next."
LOSS = (
    "The share of datagrams that were due and not there when their frame was rendered, window by window, and what "
    "of that came, but too late: a deeper buffer would have saved it, while what is lost stays lost."
)
VERDICTS = (
    "The share of frames by verdict, window by window. Blue frames played; amber ones played, with something of "
    "them twice; red ones were dropped: something was missing when they were due."
)
DELAY = (
    "How much longer frames took than the fastest datagram of their stream: the clocks of both ends need not "
    "agree, so that only the difference is known. The band goes from the least to the greatest of what one point "
    "stands for. A slow wave is a queue that fills and empties, a lone spike is one standstill; what is above the "
    "buffer comes too late."
)
FRAMES = (
    "Each mark is a frame, as high as the time that was left between its last datagram and its render time: blue "
    "ones played, amber ones too, with something twice. Below 0, violet marks came whole, but so much too late. "
    "Red ticks at the bottom are all dropped frames. How far the lowest marks stay above 0 is what the buffer could "
    "be shorter by."
)
STREAMS = (
    "A row for each stream, the worst ones on top: blue where all frames played, redder where more of them were "
    "dropped, empty where none was due. Red that lies over many rows at once is what they have in common; red in "
    "one row alone is that stream's own path or peer."
)
DISTRIBUTION = (
    "How delay was spread. From left to right ever rarer values: at 99 %, one in a hundred is higher than the "
    "line. A line that stays low and turns up at the very end is a few outliers; one that climbs evenly is a "
    "network that varies all the time. PDV is how much longer a frame took than the fastest; jitter is RFC 3550's "
    "mean of its change from frame to frame; frame spread is from the first of a frame's datagrams to its last."
)
EXPECTED = (
    "What the run was to keep, and whether it did. Undecided: too little was measured to tell; the limits are those "
    "within which the metric lies with 95 % confidence."
)
PLAYOUT = (
    "What share of the frames would have played with another buffer, of the same arrivals. Where the line is flat "
    "more buffer brings nothing: what is missing there never came. The buffer to set is where the line has become "
    "flat."
)
LOSS_BY_PLACE = (
    "Bytes that were due and not there in time, by where they were lost; the places add up to what is missing. "
    "What the sending or the receiving host did is not the network's fault."
)
LOSS_RUNS = (
    "How many datagrams in a row were lost at once, as far as their places are known. The last column says how "
    "many such runs there would be if each datagram were lost by a toss of its own, as often in all: many more "
    "long runs than that mean that losses come in bursts, as from a full queue or a handover, which a repair of "
    "single losses does not help against."
)
TRUST = (
    "Whether this host was good enough for the numbers on this page, by the worst of what happened while streams "
    "ran. Where it was not, a part of what looks like the network is this host."
)
