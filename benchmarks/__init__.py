"""The project's speed, measured beside a floor and beside DBOS, in one run: `make bench`."""
