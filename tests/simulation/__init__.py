"""The whole engine under a virtual clock and seeded faults: all that happens in a world is decided by its seed."""
