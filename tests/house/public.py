"""The public names and signatures of the package, as text; `python -m tests.house.public` writes the snapshot again."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import types
import typing
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated

MODULES = (
    "inngest",
    "inngest.aws_lambda",
    "inngest.digital_ocean",
    "inngest.django",
    "inngest.errors",
    "inngest.experimental",
    "inngest.experimental.ai",
    "inngest.experimental.ai.anthropic",
    "inngest.experimental.ai.deepseek",
    "inngest.experimental.ai.gemini",
    "inngest.experimental.ai.grok",
    "inngest.experimental.ai.openai",
    "inngest.experimental.digital_ocean_simulator",
    "inngest.fast_api",
    "inngest.flask",
    "inngest.litestar",
    "inngest.logs",
    "inngest.metrics",
    "inngest.opentelemetry",
    "inngest.server.app",
    "inngest.starlette",
    "inngest.testing",
    "inngest.tornado",
)
"""What users import from. All else is internal, whatever its name."""

SNAPSHOT = Path(__file__).with_name("public_api.txt")
GIVEN = {
    *("Block", "Context", "ContextSync", "CurrentStep", "Deferred", "Expect", "Function", "HttpStub", "HttpStubs"),
    *("ModelStubs", "OnWait", "Runs", "Step", "StepSync", "Stub"),
}
"""Classes whose objects users are given, and do not make: their constructors are internal."""

UNIONS = (types.UnionType, typing.get_origin("int" | typing.TypeVar("T")))
"""What `|` makes of types, and of what is not yet one."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def written() -> str:
    """The whole snapshot."""
    named = {module: _exports(module) for module in MODULES}
    public = {value for exports in named.values() for value in exports.values() if inspect.isclass(value)}
    lines: list[str] = []
    for module, exports in named.items():
        lines.append(f"# {module}")
        for name, value in exports.items():
            lines.extend(described(name, value, public))
    return "\n".join(lines) + "\n"


def _exports(module: str) -> dict[str, object]:
    found = importlib.import_module(module)
    return {name: getattr(found, name) for name in sorted(found.__all__)}


def described(name: str, value: object, public: Collection[type] = ()) -> Iterator[str]:
    """A public name; of a class, also what it has, apart from what it inherits from `public` classes."""
    if inspect.isclass(value):
        outer = (one for one in value.__bases__ if one in public or one.__module__.partition(".")[0] != "inngest")
        bases = [base.__name__ for base in outer if base is not object]
        yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
        for line in sorted(_members(value, public)):
            yield f"    {line}"
    elif inspect.ismodule(value):
        yield f"module {name}"
    elif callable(value):
        yield f"{name}{signature(value)}"
    else:
        yield name


def _members(owner: type, public: Collection[type]) -> Iterator[str]:
    seen: set[str] = set()
    if "__init__" in vars(owner) and owner.__name__ not in GIVEN:
        yield f"__init__{signature(vars(owner)['__init__'])}"
    for ours in owner.__mro__:
        if ours.__module__.partition(".")[0] != "inngest" or (ours in public and ours is not owner):
            continue
        fields = inspect.get_annotations(ours)
        for name in [*fields, *vars(ours)]:
            if name in seen or name.startswith(("_", "model_")):
                continue
            seen.add(name)
            yield _field(ours, name, fields[name]) if name in fields else _attribute(name, vars(ours)[name])


def _field(owner: type, name: str, annotation: object) -> str:
    if name in vars(owner) and not inspect.isdatadescriptor(vars(owner)[name]):
        return f"{name}: {_type(annotation)} = {_value(vars(owner)[name])}"
    return f"{name}: {_type(annotation)}"


def _attribute(name: str, value: object) -> str:
    if isinstance(value, enum.Enum):
        return f"{name} = {value.value!r}"
    if isinstance(value, property):
        assert value.fget is not None
        return f"{name}: {_type(inspect.signature(value.fget).return_annotation)}"
    if isinstance(value, classmethod | staticmethod):
        return f"{name}{signature(value.__func__)}"
    return f"{name}{signature(value)}" if callable(value) else name


def signature(function: object) -> str:
    """Parameters with their types and defaults, and what is returned."""
    assert callable(function)
    try:
        found = inspect.signature(function)
    except ValueError:
        return "(…)"
    shown: list[str] = []
    star = False
    for one in found.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not star:
            shown.append("*")
        star = star or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
        typed = "" if one.annotation is one.empty else f": {_type(one.annotation)}"
        default = "" if one.default is one.empty else f" = {_value(one.default)}"
        shown.append(f"{stars}{one.name}{typed}{default}")
    returned = "" if found.return_annotation is found.empty else f" -> {_type(found.return_annotation)}"
    return f"({', '.join(shown)}){returned}"


def _type(annotation: object) -> str:
    """A type as it is written, without what only validates it."""
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    if typing.get_origin(annotation) is Annotated:
        return _type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in UNIONS:
        return " | ".join(_type(one) for one in typing.get_args(annotation))
    return "None" if annotation is types.NoneType else inspect.formatannotation(annotation)


def _value(value: object) -> str:
    return _ADDRESS.sub("", repr(value)) if not inspect.isclass(value) else value.__name__


if __name__ == "__main__":
    SNAPSHOT.write_text(written(), encoding="utf-8")
