"""Modules of the official package: those that come later say so, those that are there are found by their names."""

from __future__ import annotations

import importlib

import pytest

import inngest
from inngest.experimental import ai

COMING = ["connect"]
COMING_EXPERIMENTAL = [
    "dev_server",
    "mocked",
    "realtime",
    "remote_state_middleware",
    "sentry_middleware",
]


@pytest.mark.parametrize("name", [*COMING, *(f"experimental.{name}" for name in COMING_EXPERIMENTAL)])
def test_what_comes_later_says_so(name: str) -> None:
    parent, _, module = f"inngest.{name}".rpartition(".")
    for statement in (f"import {parent}.{module}", f"from {parent} import {module}"):
        with pytest.raises(ImportError, match=rf"^{parent}\.{module} is not there yet: it comes with a later version"):
            exec(statement, {})


@pytest.mark.parametrize("statement", ["from inngest._internal import errors", "import inngest._internal.const"])
def test_private_modules_of_the_official_sdk_say_where_to_look(statement: str) -> None:
    with pytest.raises(ImportError, match=r"^inngest\._internal is private .* errors are in inngest\.errors"):
        exec(statement, {})


def test_other_names_are_unknown_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'inngest\.nothing'"):
        importlib.import_module("inngest.nothing")
    assert not hasattr(inngest, "nothing")


def test_adapters_are_attributes() -> None:
    made = ai.openai.Adapter(auth_key="k", model="m")
    assert isinstance(made, ai.BaseAdapter)
    assert made.url_infer() == "https://api.openai.com/v1/chat/completions"
    assert ai.__all__ == ["BaseAdapter", "anthropic", "deepseek", "gemini", "grok", "openai"]


def test_headers_keep_their_spelling_and_replace_those_of_the_api() -> None:
    made = ai.anthropic.Adapter(auth_key="k", model="m", headers={"X-Team": "a", "Anthropic-Version": "2"})
    assert made.headers() == {"X-Team": "a", "Anthropic-Version": "2"}
    made = ai.anthropic.Adapter(auth_key="k", model="m", headers={"X-Team": "a"})
    assert made.headers() == {"anthropic-version": "2023-06-01", "X-Team": "a"}


def test_the_protocol_is_in_its_module_too() -> None:
    assert ai.base.BaseAdapter is ai.BaseAdapter
    assert importlib.import_module("inngest.experimental.ai.base").BaseAdapter is ai.BaseAdapter


@pytest.mark.parametrize("base", ["https://proxy.example/openai", "https://proxy.example/openai/"])
def test_the_path_of_a_call_is_added_to_the_base_url_as_it_is(base: str) -> None:
    common = {"auth_key": "k", "model": "m", "base_url": base}
    urls = [module.Adapter(**common).url_infer() for module in (ai.openai, ai.anthropic, ai.gemini)]
    assert urls == [
        "https://proxy.example/openai/chat/completions",
        "https://proxy.example/openai/messages",
        "https://proxy.example/openai/models/m:generateContent",
    ]
