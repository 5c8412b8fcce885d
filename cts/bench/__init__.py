"""``cts bench``: what this host can do over loopback, so that nobody takes the host's limits for the network's.

``trials`` runs streams between two processes and searches for what still holds, ``pacing`` measures how late tasks are woken,
``iperf`` runs iperf3 beside it where it is installed, ``findings`` says what all of it means.
"""
