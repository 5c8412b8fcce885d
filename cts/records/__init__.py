"""What is kept of a run: results, snapshots and reports as values, the observer that is told of them, and files.

Each file format has its writer and its reader side by side: ``events_writer`` and ``events_reader``, ``truth_writer`` and
``truth_reader``.
"""
