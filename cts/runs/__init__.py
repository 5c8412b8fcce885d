"""Runs: everything put together for one of the commands.

``real_run`` gives a session sockets and signals, ``simulated_run`` a simulated network and virtual time;
``workers`` spreads one over several processes. ``session_settings`` and ``watchers`` make what they need of a configuration,
``plan_text`` says what follows from it.
"""
