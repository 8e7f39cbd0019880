"""The demo's functions, in an application that serves them to a server.

A file of its own: `uvicorn` loads it, and the demo in one process needs no framework.

Try it yourself: INNGEST_DEV=1 uvicorn examples.demo.app:app
"""

from __future__ import annotations

import fastapi

import inngest.fast_api

from .functions import fn, fulfil_order, inngest_client

app = fastapi.FastAPI()
inngest.fast_api.serve(app, inngest_client, [fn, fulfil_order])
