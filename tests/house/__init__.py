"""House rules: what a reader may rely on everywhere in this repository, each with a test that shows it can fail."""
