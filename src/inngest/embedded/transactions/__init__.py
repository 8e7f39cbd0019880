"""Transactions of the user's, in which steps are recorded (decision 0096): begun, guarded, and ended.

A folder of its own: each library of connections has a file in it.
"""
