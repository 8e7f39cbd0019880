"""The canonical form of each line of JSON, as JSON texts, by the library that the official SDK for Python signs with.

A file of its own: it runs in the environment of that SDK.
"""

import importlib
import json
import sys

jcs = importlib.import_module("jcs")
sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # pyright: ignore
for line in sys.stdin:
    print(json.dumps(jcs.canonicalize(json.loads(line)).decode()))
