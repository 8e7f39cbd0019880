"""Functions behind HTTP: one endpoint of an app, whatever framework it has. Loaded on first use."""
