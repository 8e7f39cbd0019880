"""A PostgreSQL server of the tests: it lives in a folder of its own, and is reached through a socket in there alone.

It starts when the first test asks for it, and ends with the process that started it. Nothing of it outlives the tests,
so that it need not wait for the disk.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote

USER = "postgres"
"""Its superuser, and, for a process of root, the user of the system under which it runs: it refuses to run as root."""

_CONFIGURATION = """\
listen_addresses = ''
unix_socket_permissions = 0777
fsync = off
max_connections = 200
log_min_messages = warning
"""


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        folder: of its socket.
        programs: folder of PostgreSQL's programs.
    """

    folder: Path
    programs: Path

    def url(self, database: str = "postgres") -> str:
        """The URL of a database of it."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.folder), safe='')}"


def programs() -> Path:
    """The folder of PostgreSQL's programs.

    Raises:
        FileNotFoundError: they are not installed.
    """
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        raise FileNotFoundError("PostgreSQL is not installed: `make test` installs it as root; apt install postgresql")
    return folders[-1]


@functools.cache
def server() -> Server:
    """The server of this process; it is started."""
    folder = Path(tempfile.mkdtemp(prefix="pyngest-postgres-"))
    binaries, run, data = programs(), _as_user(), folder / "data"
    data.mkdir()
    if run:
        folder.chmod(0o755)
        shutil.chown(folder, USER)
        shutil.chown(data, USER)
    initialise: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    subprocess.run([*run, *initialise], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"{_CONFIGURATION}unix_socket_directories = '{folder}'\n")
    started = subprocess.Popen([*run, binaries / "postgres", "-D", data], stderr=subprocess.PIPE, cwd=folder, text=True)
    said = started.stderr
    assert said is not None
    lines: list[str] = []
    for line in said:
        lines.append(line)
        if "ready to accept connections" in line:
            break
    else:
        raise RuntimeError("PostgreSQL did not start:\n" + "".join(lines))
    threading.Thread(target=_pass_on, args=(said,), daemon=True).start()
    atexit.register(_end, started, folder)
    return Server(folder, binaries)


def _as_user() -> list[str]:
    """The words before a command that is not to run as root; it ends with the process that called it."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--pdeathsig=QUIT"]


def _pass_on(said: IO[str]) -> None:
    """Show what the server says, where pytest shows it for a test that fails."""
    for line in said:
        sys.stderr.write(line)


def _end(started: subprocess.Popen[str], folder: Path) -> None:
    """End the server at once: what it has is thrown away."""
    started.send_signal(signal.SIGQUIT)
    started.wait()
    shutil.rmtree(folder, ignore_errors=True)
