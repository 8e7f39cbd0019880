"""Adapters for `step.ai.infer`: the modules anthropic, deepseek, gemini, grok and openai, each with an `Adapter`."""

import sys
import types

from inngest.sdk.steps.gateway_arguments import BaseAdapter

from . import anthropic, deepseek, gemini, grok, openai

base = sys.modules[f"{__name__}.base"] = types.ModuleType(f"{__name__}.base")  # of the official package; see base.pyi
vars(base)["BaseAdapter"] = BaseAdapter

__all__ = ["BaseAdapter", "anthropic", "deepseek", "gemini", "grok", "openai"]
