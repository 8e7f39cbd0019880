import pytest

from tests.house.traces import locations, machine_traces
from tests.house.tree import ROOT, texts

SLASH = "/"  # kept apart, or this file would be found by its own rule


@pytest.mark.parametrize(
    "line",
    [
        f"cd {SLASH}work/main",
        f"file://{SLASH}root/.cache",
        f'PATH = "{SLASH}home/ada/inngest.db"',
        f"{SLASH}Users/ada/inngest.db",
        "see https://pypi" + ".org/simple",
        "https://files.pythonhosted" + ".org/x",
    ],
)
def test_a_trace_of_a_machine_is_found(line: str) -> None:
    assert [found.split(": ")[0] for found in machine_traces(f"\n{line}\n")] == ["2"]


@pytest.mark.parametrize(
    "line", ["docs/work/page.md", "at work/rest", "sqlite:///inngest.db", "the root/leaf", "/home"]
)
def test_other_paths_are_fine(line: str) -> None:
    assert list(machine_traces(line)) == []


def test_no_file_names_a_machine() -> None:
    found = [f"{path.relative_to(ROOT)}:{trace}" for path, text in texts(ROOT) for trace in machine_traces(text)]
    assert found == []


@pytest.mark.parametrize(
    "line", ["--index-url https://example.test/simple", "-f wheels", "ulid @ https://example.test/ulid.whl"]
)
def test_a_location_in_requirements_is_found(line: str) -> None:
    assert locations(f"rich==13.0.0 \\\n    --hash=sha256:00\n{line}\n") == [line]


def test_requirements_say_what_and_never_where() -> None:
    files = sorted((ROOT / "requirements").iterdir())
    assert [path.name for path in files] == ["bench.txt", "dev.txt", "docs.txt", "interop.txt", "uv.txt"]
    assert {path.name: locations(path.read_text(encoding="utf-8")) for path in files} == {
        path.name: [] for path in files
    }


def test_every_requirement_is_pinned_by_hash() -> None:
    for path in sorted((ROOT / "requirements").iterdir()):
        entries = path.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
        assert [line for line in entries if "==" not in line or "--hash=sha256:" not in line] == []
