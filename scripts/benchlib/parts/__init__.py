"""What is measured: one module is one part, with one table.

A part has a NAME for --only, a TITLE, a TEXT that says what its figures mean, COLUMNS of its table, a RATIO (which
field is compared, and with which server), and `run(bench)`, which records measurements.
"""
from . import any_node, cpu, latency, memory, moves, watchers, workers

PARTS = (cpu, workers, memory, any_node, latency, moves, watchers)
