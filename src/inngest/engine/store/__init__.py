"""The store on SQLAlchemy Core: tables, statements, and a writer that commits in groups."""
