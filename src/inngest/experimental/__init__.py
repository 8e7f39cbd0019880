"""Names that may still change: import it from here.

A folder of its own: users import it by this name.
"""

from inngest.sdk.context import get_step_context, set_step_context, step

__all__ = ["get_step_context", "set_step_context", "step"]
