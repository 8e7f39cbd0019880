"""`inngest dev`: a supervisor that keeps the socket and watches the code, and a worker that runs it.

The user's code runs in the worker only. When it changes, the worker is asked to stop, which leaves its runs in the
database, and the next one takes them over; connections wait in the socket meanwhile.
"""
