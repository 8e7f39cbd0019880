"""The whole engine under a virtual clock and seeded faults: everything that happens in a world is decided by its seed."""
