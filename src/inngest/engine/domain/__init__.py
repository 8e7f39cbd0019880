"""PURE. The values that exist, and the decisions on what happens next: no I/O, no clock, no randomness, no async."""
