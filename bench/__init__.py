"""Measurements anyone can repeat; run one with ``python -m bench.NAME``."""
