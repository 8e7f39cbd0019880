"""A PostgreSQL server of the tests: it lives in a folder of its own, and is reached through a socket in there alone.

It starts when the first test asks for it, and ends with the process that started it. Nothing of it outlives the tests,
so that it need not wait for the disk.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import psycopg

WITH_PASSWORD = "locked"
"""A user who must show a password, if a test creates it; all others are trusted."""

USER = "postgres"
"""Its superuser, and, for a process of root, the user of the system under which it runs: it refuses to run as root."""

_CONFIGURATION = """\
listen_addresses = ''
unix_socket_permissions = 0777
max_connections = 200
log_min_messages = warning
"""
FORGETFUL = "fsync = off\n"
"""Settings of a server that need not survive its machine: it survives its own crash."""


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        folder: of its socket.
        programs: folder of PostgreSQL's programs.
        port: which is part of the socket's name.
    """

    folder: Path
    programs: Path
    port: int = 5432

    def url(self, database: str = "postgres", *, user: str = USER, schema: str = "inngest", modes: str = "") -> str:
        """The URL of a database of it, and of a schema in it, with more parameters, such as `guards=rows`."""
        where = f"host={quote(str(self.folder), safe='')}&port={self.port}"
        return f"postgresql://{user}@/{database}?{where}&schema={schema}{modes and '&'}{modes}"

    @property
    def conninfo(self) -> str:
        """How its superuser connects to the database `postgres` without an engine."""
        return f"host={self.folder} user={USER} dbname=postgres"

    def execute(self, sql: str, *, schema: str = "public") -> list[tuple[Any, ...]]:
        """Do something in the database `postgres`, as its superuser, in a schema; its rows."""
        found = f"{self.conninfo} options='-c search_path={schema}'"
        with psycopg.connect(found, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def frozen(server: Server, *, hangs_up: bool = False) -> Generator[None]:
    """A server that is stopped by SIGSTOP, for a `with` block: it takes connections, and answers nothing.

    Args:
        server: it.
        hangs_up: whether the connections that it has are closed.
    """
    main = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    backends = [] if not hangs_up else [pid for (pid,) in server.execute(_BACKENDS)]
    os.kill(main, signal.SIGSTOP)  # first: from now on it begins none
    others = [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
    try:
        for pid in others:
            os.kill(pid, signal.SIGTERM if pid in backends else signal.SIGSTOP)
        yield
    finally:
        for pid in (*others, main):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def programs() -> Path:
    """The folder of PostgreSQL's programs.

    Raises:
        FileNotFoundError: they are not installed.
    """
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        raise FileNotFoundError("PostgreSQL is not installed: `make test` installs it as root; apt install postgresql")
    return folders[-1]


@functools.cache
def pooler() -> Server:
    """PgBouncer before the server of this process, which lends a connection for one transaction; it is started."""
    folder = Path(tempfile.mkdtemp(prefix="pyngest-pgbouncer-"))
    before, command = pooler_of(server(), folder)
    _keep(begin(command, folder, POOLS), folder, signal.SIGTERM)
    return before


def pooler_of(behind: Server, folder: Path) -> tuple[Server, list[str | Path]]:
    """How a PgBouncer before a server is reached, and the command that starts it; its settings are written.

    Args:
        behind: the server.
        folder: an empty one.
    """
    run = as_user("TERM")
    configuration, users = folder / "pgbouncer.ini", folder / "users.txt"
    configuration.write_text(
        f"""[databases]
* = host={behind.folder}
[pgbouncer]
pool_mode = transaction
unix_socket_dir = {folder}
listen_addr =
auth_type = trust
auth_file = {users}
server_login_retry = 1
logfile =
""",
        encoding="utf-8",
    )
    users.write_text(f'"{USER}" ""\n', encoding="utf-8")
    if run:
        for one in (folder, configuration, users):
            shutil.chown(one, USER)
        folder.chmod(0o755)
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("PgBouncer is not installed: `make test` installs it as root; apt install pgbouncer")
    return Server(folder, behind.programs, 6432), [*run, program, configuration]


@functools.cache
def server() -> Server:
    """The server of this process; it is started."""
    started, folder, found = _started(Path(tempfile.mkdtemp(prefix="pyngest-postgres-")), FORGETFUL)
    _keep(started, folder, signal.SIGQUIT)
    return found


@contextlib.contextmanager
def durable() -> Generator[Server]:
    """Another server, for a `with` block: its files are on a disk, and it waits for that, as it does by default."""
    started, folder, found = _started(Path(tempfile.mkdtemp(prefix="pyngest-postgres-", dir="/var/tmp")))
    try:
        yield found
    finally:
        _end(started, folder, signal.SIGQUIT)


def _started(folder: Path, settings: str = "") -> tuple[subprocess.Popen[str], Path, Server]:
    """A server with its own folder, and some lines of configuration."""
    data = folder / "data"
    initialise(folder, data, settings=settings)
    rules = data / "pg_hba.conf"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(f"local all {WITH_PASSWORD} scram-sha-256\n{text}", encoding="utf-8")
    started = begin([*as_user(), programs() / "postgres", "-D", data], folder, READY)
    return started, folder, Server(folder, programs())


def initialise(folder: Path, data: Path, *options: str | Path, settings: str = "") -> None:
    """Make what a server needs before it is started.

    Args:
        folder: of its socket.
        data: of its data, which is made.
        options: of `initdb`, beside ours.
        settings: lines of its configuration, beside ours.
    """
    run = as_user()
    data.mkdir(exist_ok=True)
    if run:
        folder.chmod(0o755)
        for one in (folder, data):
            shutil.chown(one, USER)
    said = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    initialising: list[str | Path] = [*run, programs() / "initdb", "-D", data, *said, *options]
    subprocess.run(initialising, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"{_CONFIGURATION}unix_socket_directories = '{folder}'\n{settings}")


READY = "ready to accept connections"
"""What a server says when it is there."""

POOLS = "process up"
"""What PgBouncer says then."""


def begin(command: Sequence[str | Path], folder: Path, ready: str) -> subprocess.Popen[str]:
    """Start a server that says when it is ready. Call it from a thread that lasts as long as it."""
    started = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=folder, text=True)
    said = started.stderr
    assert said is not None
    lines: list[str] = []
    for line in said:
        lines.append(line)
        if ready in line:
            break
    else:
        started.wait()
        raise RuntimeError("a server did not start:\n" + "".join(lines))
    threading.Thread(target=_pass_on, args=(said,), daemon=True).start()
    return started


def _keep(started: subprocess.Popen[str], folder: Path, ends_by: int) -> None:
    """Have a server end at once by a signal, with this process."""
    atexit.register(_end, started, folder, ends_by)


def as_user(ends_by: str = "QUIT") -> list[str]:
    """The words before a command that is not to run as root; it ends with the process that called it, by a signal."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", f"--pdeathsig={ends_by}"]


def _pass_on(said: IO[str]) -> None:
    """Show what the server complains of, where pytest shows it for a test that fails."""
    with said:
        for line in said:
            if " LOG:  " not in line and "] LOG " not in line:  # that it ends, or that somebody has left
                sys.stderr.write(line)


def _end(started: subprocess.Popen[str], folder: Path, ends_by: int) -> None:
    """End the server at once: what it has is thrown away."""
    started.send_signal(ends_by)
    started.wait()
    shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run a command beside a server, whose URL is in `DEMO_DATABASE`; its exit code."""
    return subprocess.run(sys.argv[1:], env={**os.environ, "DEMO_DATABASE": server().url()}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
