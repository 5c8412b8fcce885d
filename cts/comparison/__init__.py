"""Two sides of a run or several each: what differs, by how much, and whether that can be told from chance."""
