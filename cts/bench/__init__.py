"""``cts bench``: what this host can do over loopback, so that nobody takes the host's limits for the network's.

``trials`` runs streams between two processes, ``search`` looks for what still holds, ``punctuality`` measures how late tasks
are woken and how often the host stands still, ``iperf`` runs iperf3 beside it where it is installed, ``findings`` says what
all of it means.
"""
