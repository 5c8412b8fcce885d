"""The media-stream protocol, sans-IO.

Nothing here imports trio, socket, time or random: ``now_ns`` is always an argument, datagrams come in as values and go out
as tasks. A driver works a pattern like this::

    task = pattern.initiate_io(now_ns)      # what to do next, and when
    ...                                     # send it, or wait until task.due_ns or until pattern.ready
    status = pattern.complete_io(task, ...)  # what came of it: CONTINUE, COMPLETED or FAILED

and hands every received batch to ``complete_io`` of the outstanding RECV task. Calling ``initiate_io`` too often is
harmless; calling it late changes no verdict, because verdicts follow from the datagrams' receive times.
"""
