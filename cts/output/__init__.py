"""Who is told what a run measured: logs, consoles, the summary. Every one is fed by events and never blocks a stream."""
