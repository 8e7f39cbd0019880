"""Names of steps, as invocations give them.

A file of its own: tests of several rooms make steps by it.
"""

from inngest.protocol.steps import StepName, hash_step_id


def named(step_id: str) -> StepName:
    """The first call of a step."""
    return StepName(step_id, 0, hash_step_id(step_id))
