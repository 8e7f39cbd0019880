"""What every adapter of a port must do.

A folder of its own: one suite for each port, and only the store has several adapters to come.
"""
