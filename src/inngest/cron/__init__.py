"""Cron, a language of schedules: from a text to the times at which it ticks. Pure."""
