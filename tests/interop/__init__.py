"""Real SDKs, driven by the strict server over HTTP: the reading of the wire is right if all of them run by it."""
