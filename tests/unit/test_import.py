"""What `import inngest` loads, and what it says when the package's name is taken twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import inngest

LATER = (
    "aiohttp",
    "alembic",
    "httpx",
    "inngest.expressions",
    "inngest.protocol.wire",
    "inngest.sdk.serving",
    "rich",
    "sqlalchemy",
    "starlette",
    "typer",
    "uvicorn",
    "watchfiles",
)


def python(source: str, *options: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    prelude = "" if path is None else f"import sys; sys.path.append({str(path)!r})\n"
    return subprocess.run(
        [sys.executable, *options, "-c", prelude + source], capture_output=True, text=True, check=False
    )


def test_importing_loads_no_database_no_server_no_commands_and_no_http_client() -> None:
    ran = python(f"import inngest, sys; print([name for name in {LATER!r} if name in sys.modules])")
    assert ran.stdout == "[]\n", ran.stderr


def test_the_engine_is_loaded_on_first_use() -> None:
    wanted = "print([name for name in ('sqlite3', 'sqlalchemy', 'alembic') if name in sys.modules])"
    ran = python(f"import inngest, sys; {wanted}; inngest.Engine; {wanted}")
    assert ran.stdout == "[]\n['sqlite3']\n", ran.stderr


def test_the_engine_loads_the_language_of_expressions_with_the_first_of_them() -> None:
    asked = "print([name for name in ('code', 'parser', 'patterns') if f'inngest.expressions.{name}' in sys.modules])"
    one = "Expression('true').matches(Activation())"
    first = f"from inngest.engine.domain.matching import Activation, Expression; print({one}.matched)"
    ran = python(f"import inngest, sys; inngest.Engine; {asked}; {first}; {asked}")
    assert ran.stdout == "[]\nTrue\n['code', 'parser', 'patterns']\n", ran.stderr


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'inngest' has no attribute 'Engin'"):
        inngest.Engin  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore


def distribution(folder: Path, name: str, version: str) -> Path:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    return folder


def test_the_official_distribution_beside_this_one_is_pointed_out(tmp_path: Path) -> None:
    ran = python("import inngest", path=distribution(tmp_path, "inngest", "0.5.19"))
    assert ran.returncode == 0
    assert "RuntimeWarning" in ran.stderr
    assert "inngest 0.5.19" in ran.stderr
    assert "pip uninstall inngest" in ran.stderr


def test_other_distributions_are_no_reason_to_warn(tmp_path: Path) -> None:
    for name in ("inngest_encryption", "inngestor", "pyngest"):
        distribution(tmp_path, name, "9.9")
    ran = python("import inngest", "-W", "error", path=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


API = [
    "Batch",
    "Cancel",
    "Concurrency",
    "Context",
    "ContextSync",
    "Debounce",
    "Event",
    "Function",
    "Inngest",
    "JSON",
    "Middleware",
    "MiddlewareSync",
    "NonRetriableError",
    "ParallelMode",
    "Priority",
    "PydanticSerializer",
    "RateLimit",
    "RetryAfterError",
    "SendEventsResult",
    "Serializer",
    "Singleton",
    "Step",
    "StepError",
    "StepMemos",
    "StepSync",
    "Streaming",
    "Throttle",
    "Timeouts",
    "TransformOutputResult",
    "TriggerCron",
    "TriggerEvent",
]


def test_every_name_of_the_api_is_there() -> None:
    assert [name for name in API if name not in inngest.__all__] == []
