"""A server and an app that are killed, lines between them that are cut, and who judges what came of it."""
