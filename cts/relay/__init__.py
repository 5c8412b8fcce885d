"""Impairments between real peers: a UDP relay, what carries its datagrams, what it counts, and its run."""
