"""The same with pydantic's models, which `import pydantic` leaves for their first use.

A file of its own: each program is a process that is measured from its first line.
"""

import time

began = time.perf_counter()
import httpx  # noqa: E402, F401
from pydantic import BaseModel  # noqa: E402, F401

print(time.perf_counter() - began)
