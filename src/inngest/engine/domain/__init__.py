"""PURE. What exists and what happens next: no I/O, no clock, no randomness, no async."""
