"""`inngest worker`: a process that runs functions of the database, one of as many as there are.

It listens nowhere, unless it is asked to tell how it fares. A folder of its own: it is a role,
as `dev` and `start` are.
"""
