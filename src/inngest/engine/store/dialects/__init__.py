"""Where the databases differ."""
