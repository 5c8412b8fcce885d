"""Whether a run counted right: its events against the network's ground truth.

An implementation of its own, from the definitions in ``docs/truth.md`` and ``docs/events.md`` and the stream's
arithmetic: of the engine, its receiver and its plan it uses nothing but the decoding of datagrams, so that a mistake there
cannot repeat itself here. The truth is read once, line by line, in memory that grows with streams, frames and status, not with
datagrams::

    events ──► what each receiving stream reported ───────────────┐
    truth ──► arrivals, in order ──► what each stream must report ─┼─► differences
                      └──────────────► what each status must say ──┘
"""
