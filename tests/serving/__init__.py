"""Functions behind HTTP: their modes, and the servers that drive them."""
