"""The REST API, v1 and v2: what is recorded, over HTTP, and verbs of people for it."""
