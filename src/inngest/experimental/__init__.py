"""Names that may still change: import it from here."""

from inngest.sdk.context import get_step_context, set_step_context, step

__all__ = ["get_step_context", "set_step_context", "step"]
