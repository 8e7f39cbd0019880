"""Processes that are killed, what they wrote outside of the engine until then, and who judges it."""
