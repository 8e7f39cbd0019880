"""An app on FastAPI with one function, by the SDK that its environment has: the official one, or ours.

`python app.py`, with INNGEST_* variables for the rest: the text is the same for both.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import fastapi

import inngest
import inngest.fast_api

sys.path.insert(0, str(Path(__file__).parent))  # another environment knows no package of the project

from noting import serve

silent = logging.getLogger("bench")
silent.setLevel(logging.CRITICAL)
client = inngest.Inngest(app_id="bench", logger=silent)


@client.create_function(fn_id="steps", trigger=inngest.TriggerEvent(event="bench/steps"), retries=0)
async def steps(ctx: inngest.Context) -> int:
    count = int(str(ctx.event.data["count"]))
    for index in range(count):

        async def same(index: int = index) -> int:
            return index

        await ctx.step.run(f"step-{index}", same)
    return count


app = fastapi.FastAPI()
inngest.fast_api.serve(app, client, [steps])
serve(app)
