"""Adapters for `step.ai.infer`: the modules anthropic, deepseek, gemini, grok and openai, each with an `Adapter`."""

import sys

from inngest.sdk.steps import ai_adapters
from inngest.sdk.steps.ai_adapters import BaseAdapter

from . import anthropic, deepseek, gemini, grok, openai

base = sys.modules[f"{__name__}.base"] = ai_adapters  # where the official package has BaseAdapter; see base.pyi

__all__ = ["BaseAdapter", "anthropic", "deepseek", "gemini", "grok", "openai"]
