"""Run by hand: python -m benchmarks.NAME prints a table and asserts nothing."""
