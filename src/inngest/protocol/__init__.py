"""What both halves speak: opcodes, calls, errors, ids, durations and JSON. Pure: no clock, no I/O, no randomness."""
