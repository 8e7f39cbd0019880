"""The files of deploy/: what they start exists, its options too, and whoever reads them would take them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

from inngest.cli import arguments
from inngest.cli.app import app
from tests.house.tree import ROOT

from .processes import INNGEST

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))

KUBERNETES = kubernetes_validate.latest_version()
OLD_KUBERNETES = "1.30"


def documents(path: Path) -> list[Any]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command that a file starts, by its file."""
    for path in UNITS:
        for line in re.findall(r"^ExecStart=(.*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield path.name, shlex.split(line)
    for path in MANIFESTS:
        for one in documents(path):
            for container in one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
                yield f"{path.name}", container["args"]
    (compose,) = documents(DEPLOY / "compose.yaml")
    for name, service in compose["services"].items():
        if "command" in service:
            yield f"compose.yaml: {name}", service["command"]
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (started,) = re.findall(r"^CMD (\[.*\])", image, re.MULTILINE)
    yield "Dockerfile", yaml.safe_load(started)


def test_every_command_and_its_options_exist() -> None:
    group: Any = typer.main.get_command(app)
    found = list(commands())
    assert len(found) == 7
    for place, (program, name, *given) in found:
        assert Path(program).name == "inngest", place
        context = group.commands[name].make_context(name, given)  # fails for an option that is not there
        port = context.params.get("health", "0.0.0.0:8288")
        assert port in ("0.0.0.0:8080", "0.0.0.0:8288", None), place


def test_what_functions_print_is_seen_at_once() -> None:
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    unit = (DEPLOY / "systemd" / "inngest-worker@.service").read_text(encoding="utf-8")
    assert "\nENV PYTHONUNBUFFERED=1\n" in image
    assert "\nEnvironment=PYTHONUNBUFFERED=1\n" in unit


def grace(given: Mapping[str, Any] | str) -> float:
    found = arguments.seconds("the grace period", str(given))
    assert found is not None
    return found


def test_a_worker_that_is_told_to_stop_has_longer_than_its_handlers() -> None:
    worker: Any = typer.main.get_command(app)
    (drain,) = (one.default for one in worker.commands["worker"].params if one.name == "drain_timeout")
    periods = [re.findall(r"^TimeoutStopSec=(.*)", path.read_text(encoding="utf-8"), re.MULTILINE) for path in UNITS]
    told = [grace(one) for (one,) in periods]
    told += [
        grace(one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
        for path in MANIFESTS
        for one in documents(path)
        if one["kind"] == "Deployment"
    ]
    (compose,) = documents(DEPLOY / "compose.yaml")
    told += [grace(compose["services"][name]["stop_grace_period"]) for name in ("worker", "server")]
    assert len(told) == 6
    assert min(told) > grace(drain)


@pytest.mark.parametrize("version", [KUBERNETES, OLD_KUBERNETES])
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_takes_the_manifests(path: Path, version: str) -> None:
    for one in documents(path):
        kubernetes_validate.validate(one, version, strict=True)


def test_kubernetes_would_not_take_anything() -> None:
    (worker,) = documents(DEPLOY / "kubernetes" / "worker.yaml")
    worker["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker, KUBERNETES, strict=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this system has no systemd")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("/srv/shop/.venv/bin/inngest", INNGEST)
    unit = tmp_path / path.name.replace("@", "@1")
    unit.write_text(text, encoding="utf-8")
    good = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    unit.write_text(text.replace("Restart=always", "Restart=allways"), encoding="utf-8")
    wrong = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "allways" in wrong.stderr
