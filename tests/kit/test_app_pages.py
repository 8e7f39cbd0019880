"""The how-to page about applications in tests: its files, run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

from .test_plugin import run_pytest

PAGE = (ROOT / "docs" / "howto" / "test-apps.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```python title="(\w+)\.py"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
SETTINGS = """
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
ROOT_URLCONF = "django_shop"
SECRET_KEY = "of a test"
USE_TZ = True
"""


@pytest.mark.parametrize("framework", ["fast", "flask"])
def test_applications_under_pytest(tmp_path: Path, framework: str) -> None:
    files = {name: text for name, text in FILES.items() if framework in name}
    assert len(files) == 2
    told = run_pytest(tmp_path, "-W", "default", **files)
    assert "1 passed" in told, told


def test_django_with_its_own_runner(tmp_path: Path) -> None:
    for name, text in {**FILES, "settings": SETTINGS}.items():
        if "django" in name or name == "settings":
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (command,) = re.findall(r"^```sh\npython (.*)\n```$", PAGE, re.MULTILINE)
    result = subprocess.run(
        [sys.executable, *command.replace('"', "").split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert "Ran 1 test" in result.stderr
    assert result.returncode == 0, result.stderr
