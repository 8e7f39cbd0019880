"""`inngest start`: a server for production. It takes events, calls apps, and runs no code of its own.

Settings come from a file, the environment and the command line, in this order: the last one counts.
"""
