"""Adapters for `step.ai.infer`: the modules anthropic, deepseek, gemini, grok and openai, each with an `Adapter`."""

from inngest.sdk.adapters import BaseAdapter

__all__ = ["BaseAdapter"]
