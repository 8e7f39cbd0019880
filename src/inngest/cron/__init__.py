"""Cron, a language of schedules: from a text to the times at which it ticks. Pure.

A folder of its own: it is a language, as expressions are, and knows nothing of the rest.
"""
