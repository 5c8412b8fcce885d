"""Runs: everything put together for one of the commands, on a real network or a simulated one, in one process or several."""
