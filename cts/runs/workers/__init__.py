"""Workers: one run over several processes, each with a trio run of its own; one console, one set of logs, one summary.

::

    parent (cts run)              worker 1..N (python -m cts.runs.workers.worker)
    ├─ one task per worker  <──   events, status and report: pickled messages, on its standard output
    └─ signals              ──>   what to run, then one-byte commands, on its standard input

Servers share a listen address through SO_REUSEPORT, and the kernel spreads peers over them; clients divide the connections.
A worker ends when its session has, or when its standard input does: it never outlives its parent.
"""
