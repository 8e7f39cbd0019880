"""The engine inside the user's own process. `inngest.Engine` is its door; importing it here loads it."""
