"""The commands and their options. Their code is loaded when one is called."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from . import change_commands
from .api_commands import api
from .arguments import DEFAULT_DATABASE, MAX_STEPS, is_json
from .db_commands import db
from .errors import reported
from .group import JsonGroup
from .options import AsJson, Database, Lease, LogFormat, MaxSteps, OwnDatabase, Retention

app = typer.Typer(
    cls=JsonGroup,
    help="Durable functions: run them, send events to them, look at their runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyngest {metadata.version('pyngest')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Durable functions: run them, send events to them, look at their runs."""


@app.command()
def dev(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET…]",
            help="What to run: path/app.py, package.module, or package.module:client. Apps may serve the rest.",
            show_default=False,
        ),
    ] = None,
    sdk_url: Annotated[
        list[str] | None,
        typer.Option("--sdk-url", "-u", metavar="URL", help="Where an app serves its functions; may be repeated."),
    ] = None,
    poll_interval: Annotated[
        str, typer.Option(metavar="TIME", help="Between two questions to an app what it serves; 0: only once.")
    ] = "5s",
    discovery: Annotated[
        bool | None,
        typer.Option(
            "--discovery/--no-discovery",
            help="Look for apps on the ports of this machine. [default: if neither TARGET nor URL is given]",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        str, typer.Option("--port", "-p", metavar="PORT", help="Where to listen; 0 takes a free port.")
    ] = "8288",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Answer to this name too; may be repeated. Foreign names are refused."),
    ] = None,
    database: OwnDatabase = DEFAULT_DATABASE,
    lease: Lease = None,
    retention: Retention = None,
    retry_interval: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Between attempts: seconds, or 500ms, 30s. [default: 15 s growing to 2 h]"),
    ] = None,
    max_steps: MaxSteps = MAX_STEPS,
    drain_timeout: Annotated[
        str, typer.Option(metavar="TIME", help="How long steps that run may go on when the server stops or reloads.")
    ] = "10s",
    reload: Annotated[bool, typer.Option("--reload/--no-reload", help="Load the code again when it changes.")] = True,
    as_json: AsJson = False,
    log_format: LogFormat = None,
) -> None:
    """Run functions, with an event API, and show what they do. Ctrl-C stops it; nothing is lost."""
    with reported(as_json=as_json):
        from .dev import command  # noqa: PLC0415 - loads what only this command needs

        command.dev(
            targets or (),
            host=host,
            port=port,
            allowed_hosts=allow_host or (),
            database=database,
            lease=lease,
            retention=retention,
            retry_interval=retry_interval,
            max_steps=max_steps,
            drain=drain_timeout,
            reload=reload,
            as_json=as_json or is_json("--log-format", log_format),
            sdk_urls=sdk_url or (),
            poll_interval=poll_interval,
            discovery=discovery,
        )


@app.command()
def start(
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Settings. [default: inngest.toml or inngest.json here or above]"),
    ] = None,
    signing_key: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Hexadecimal; a second one is taken too, while it replaces the first."),
    ] = None,
    event_key: Annotated[
        list[str] | None, typer.Option(metavar="[NAME:]KEY", help="Whoever sends events shows one; may be repeated.")
    ] = None,
    sdk_url: Annotated[
        list[str] | None,
        typer.Option("--sdk-url", "-u", metavar="URL", help="Where an app serves its functions; may be repeated."),
    ] = None,
    poll_interval: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Between two questions to an app what it serves. [default: only once]"),
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where to listen. [default: 127.0.0.1]")] = None,
    port: Annotated[str | None, typer.Option("--port", "-p", metavar="PORT", help="[default: 8288]")] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="May be called though its address is not public; a network too."),
    ] = None,
    deny_host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Must not be called; a network too.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The engine's database; or postgresql://user@host/database. [default: .inngest/inngest.db]",
        ),
    ] = None,
    lease: Lease = None,
    retention: Retention = None,
    retry_interval: Annotated[
        str | None, typer.Option(metavar="TIME", help="Between attempts. [default: 15 s growing to 2 h]")
    ] = None,
    max_steps: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Steps that a run may have, up to 10,000. [default: 1000]")
    ] = None,
    drain_timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long calls may go on when it stops. [default: 30s]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Log lines are JSON.")] = False,
    log_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Of log lines: text, or json. [default: text]")
    ] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="Make spans of runs, for `opentelemetry-instrument inngest start`.")
    ] = False,
) -> None:
    """Run the server for production: it takes events, and calls the functions that apps serve."""
    with reported(as_json=as_json):
        from .start import command  # noqa: PLC0415 - loads what only this command needs

        given = {
            "signing_key": signing_key,
            "event_key": event_key,
            "sdk_url": sdk_url,
            "poll_interval": poll_interval,
            "host": host,
            "port": port,
            "allow_host": allow_host,
            "deny_host": deny_host,
            "database": database,
            "lease": lease,
            "retention": retention,
            "retry_interval": retry_interval,
            "max_steps": max_steps,
            "drain_timeout": drain_timeout,
            "json": as_json,
            "log_format": log_format,
            "traces": traces,
        }
        command.start(given, config=config)


@app.command()
def worker(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET…",
            help="What to run: path/app.py, package.module, or package.module:client.",
            show_default=False,
        ),
    ],
    database: Database = DEFAULT_DATABASE,
    lease: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            envvar="INNGEST_LEASE",
            help="On PostgreSQL: a worker that is not heard for so long is dead. [default: 15s]",
            show_default=False,
        ),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            envvar="INNGEST_RETENTION",
            help="Runs that ended longer ago are removed; off: none. [default: 30d, on PostgreSQL 7d]",
            show_default=False,
        ),
    ] = None,
    retry_interval: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            envvar="INNGEST_RETRY_INTERVAL",
            help="Between attempts. [default: 15 s growing to 2 h]",
            show_default=False,
        ),
    ] = None,
    max_steps: Annotated[
        str,
        typer.Option(metavar="COUNT", envvar="INNGEST_MAX_STEPS", help="Steps that a run may have, up to 10,000."),
    ] = MAX_STEPS,
    drain_timeout: Annotated[
        str,
        typer.Option(
            metavar="TIME", envvar="INNGEST_DRAIN_TIMEOUT", help="How long handlers may go on when the worker stops."
        ),
    ] = "30s",
    max_runs_in_flight: Annotated[
        str, typer.Option(metavar="COUNT", help="How many runs execute at a time; others wait.")
    ] = "100",
    thread_pool_size: Annotated[
        str, typer.Option(metavar="COUNT", help="How many plain functions execute at a time; others wait.")
    ] = "32",
    health: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS:]PORT",
            envvar="INNGEST_HEALTH",
            help="Where GET /health and GET /ready tell how it fares. [default: nowhere]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Log lines are JSON.")] = False,
    log_format: LogFormat = None,
) -> None:
    """Run functions of a database, beside other workers. SIGTERM lets handlers end, and stops it; nothing is lost."""
    with reported(as_json=as_json):
        from .worker import command  # noqa: PLC0415 - loads what only this command needs

        options = command.checked(
            database=database,
            lease=lease,
            retention=retention,
            retry_interval=retry_interval,
            max_steps=max_steps,
            drain=drain_timeout,
            runs_in_flight=max_runs_in_flight,
            threads=thread_pool_size,
            health=health,
        )
        command.work(targets, options, as_json=as_json or is_json("--log-format", log_format))


@app.command()
def runs(
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS", help="Only runs that are queued, running, completed, failed, cancelled or skipped."
        ),
    ] = None,
    function: Annotated[
        str | None, typer.Option(metavar="ID", help="Only runs of this function: app-function.")
    ] = None,
    event: Annotated[str | None, typer.Option(metavar="ID", help="Only runs that this event started.")] = None,
    limit: Annotated[str, typer.Option(metavar="COUNT", help="At most so many, up to 1,000.")] = "20",
    before: Annotated[str | None, typer.Option(metavar="ID", help="Only runs created before this run.")] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first. Reads the database only: with or without an engine beside."""
    with reported(as_json=as_json):
        from .commands.runs import list_runs  # noqa: PLC0415 - loads SQLAlchemy

        list_runs(
            database=database,
            status=status,
            function=function,
            event=event,
            limit=limit,
            before=before,
            as_json=as_json,
        )


@app.command()
def run(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or at least its last 4 characters.")],
    why: Annotated[bool, typer.Option("--why", help="Show why it waits, instead.")] = False,
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Show a run: its steps, attempts, times and errors; or why it waits. Reads the database only."""
    with reported(as_json=as_json):
        from .commands.run import show_run  # noqa: PLC0415 - loads SQLAlchemy

        show_run(run_id, why=why, database=database, as_json=as_json)


@app.command()
def send(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What happened: the event's name, such as shop/order.placed.")
    ],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Facts about it: a JSON object, @file, or - for the standard input."),
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Your own id: a second event with it starts nothing within 24 h."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The server. [default: what INNGEST_DEV says, or http://127.0.0.1:8288]"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="The event key. [default: INNGEST_EVENT_KEY; a development server needs none]"
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the runs that the event starts, and print their results.")
    ] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Wait at most so long: seconds, or 500ms, 30s, 5m, 1h.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send an event to a server, such as `inngest dev`."""
    with reported(as_json=as_json):
        from .commands.send import send_event  # noqa: PLC0415 - loads httpx

        send_event(name, data, event_id=event_id, url=url, key=key, wait=wait, timeout=timeout, as_json=as_json)


for verb in change_commands.ALL:
    app.command()(verb)
app.add_typer(api, name="api")
app.add_typer(db, name="db")
