"""One entry into a function: what is recorded is replayed, and what is new runs."""
