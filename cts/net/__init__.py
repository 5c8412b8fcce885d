"""How datagrams move: real UDP, the simulated network, and the impairments that either may have."""
