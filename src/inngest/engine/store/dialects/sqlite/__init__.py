"""SQLite: a file, its errors in words, and the locks beside it."""

from .database import SqliteDatabase

__all__ = ["SqliteDatabase"]
