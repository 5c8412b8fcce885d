"""What is measured: counters and the arithmetic on them. Pure: no clock, no IO."""
