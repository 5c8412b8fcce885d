"""What may be expected of a run: its metrics by name, each with its definition, and whether a bound is met."""
