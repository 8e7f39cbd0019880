"""The durable half: what is stored, what happens next, and when."""
