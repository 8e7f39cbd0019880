"""The outer world, for both halves: what exceptions and loggers of users do."""
