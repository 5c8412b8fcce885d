"""cts: measures how a network carries media streams."""

__version__ = "0.1.0"
