"""PostgreSQL: many writers on many machines, its locks, and its errors in words.

A folder of its own, as each database has one.
"""

from .database import PostgresDatabase

__all__ = ["PostgresDatabase"]
