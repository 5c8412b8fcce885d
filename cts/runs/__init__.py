"""Runs: everything put together for one of the commands.

``session`` is one run of the engine, on whatever network and clock it is given. ``real_run`` gives it sockets and signals,
``simulated_run`` (on ``simulation``) a simulated network and virtual time; ``shards`` spreads it over several processes, and
``relay_run`` relays between others. ``chosen_plugins``, ``watchers`` and ``plan_text`` make what they need of a configuration.
"""
