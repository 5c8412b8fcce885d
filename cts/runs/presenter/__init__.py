"""The presenter: a process that makes the live view's drawings and serves metrics for one that sends and receives.

::

    run (cts run)                 presenter (python -m cts.runs.presenter.presenter)
    ├─ each status         ──>    keeps the last ones; answers scrapes
    ├─ how to draw         ──>    draws
    └─ shows it            <──    the drawing

To draw and to answer scrapes takes milliseconds a second, in which no frame would leave: here they leave meanwhile. The
terminal, its keys and the addresses stay with the run, which does it all by itself where there is no presenter, or no more.
A presenter ends when its standard input does: it never outlives its run.
"""
