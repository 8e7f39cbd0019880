"""F: how long importing takes, and a cold start."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from .figures import Bar, Rounds, Section, table
from .plan import Plan
from .processes import ROOT, folder, in_turns, output_of, say

SCRIPTS = ROOT / "benchmarks" / "startup"

IMPORT = {
    "import_ours": "`import inngest`",
    "import_parts": "`import pydantic, httpx`",
    "import_parts_in_full": "the same with pydantic's models",
}
COLD = {
    "cold_ours": "ours: new database, first result of a run of one step",
    "cold_parts": "importing pydantic and SQLAlchemy, and creating our tables",
    "cold_dbos": "DBOS: new database, first result of a workflow of one step",
}


def starting(plan: Plan) -> Section:
    """F."""
    say("F: import and cold start")
    with folder() as path:
        (path / "definitions").write_text(json.dumps(_definitions(path)), encoding="utf-8")
        if not plan.quick:  # the first time, Python compiles what it imports
            in_turns(1, [*IMPORT, *COLD], lambda script: _milliseconds(script, path, "warm"))
        taken = 0

        def one(script: str) -> dict[str, float]:
            nonlocal taken
            taken += 1
            return _milliseconds(script, path, str(taken))

        rounds = Rounds(in_turns(plan.startup_rounds, [*IMPORT, *COLD], one))
    rows = [[title, rounds.of(name), rounds.ratio(name, "import_parts")] for name, title in IMPORT.items()]
    cold = [[title, rounds.of(name), rounds.ratio(name, "cold_parts")] for name, title in COLD.items()]
    text = f"{plan.startup_rounds} new processes each; the start of the interpreter is not counted.\n\n"
    text += table(["import", "ms", "÷ pydantic and httpx"], rows)
    text += "\n\n" + table(["cold start", "ms", "÷ importing and creating tables"], cold)
    bars = [
        Bar("import inngest ÷ pydantic and httpx", rounds.ratio("import_ours", "import_parts").median, 1.2, " ×"),
        Bar("cold start ÷ parts and tables", rounds.ratio("cold_ours", "cold_parts").median, 1.2, " ×"),
    ]
    return Section("F. Import and cold start", text, bars)


def _milliseconds(script: str, path: Path, name: str) -> dict[str, float]:
    given = [] if script in IMPORT else [str(path / f"{script}-{name}.db")]
    if script == "cold_parts":
        given.append(str(path / "definitions"))
    return {script: 1000 * float(output_of(str(SCRIPTS / f"{script}.py"), *given))}


def _definitions(path: Path) -> list[str]:
    """Our tables, then their indexes, as SQLite keeps them."""
    database = path / "tables.db"
    output_of(str(SCRIPTS / "cold_ours.py"), str(database))
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY type DESC"
        )
        return [row[0] for row in rows]
