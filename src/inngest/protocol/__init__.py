"""The language of both halves: opcodes, calls, errors, ids, durations and JSON. Pure: no clock, I/O or randomness."""
