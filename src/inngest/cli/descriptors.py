"""How many files and connections the process of a server may have open: as many as it needs, if the system lets it."""

from __future__ import annotations

import sys

from inngest.engine.invokers.places import CALLS

NEEDED = 2 * CALLS + 256
"""Descriptors of a server: each call of an app has a connection, and may send checkpoints on another one. The rest is
for clients, the database and requests of steps."""


def make_room(needed: int = NEEDED) -> str | None:
    """Raise the soft limit of open files as far as it is needed, and no further than the hard limit.

    It is not raised beyond that: programs that the user's code starts inherit it, and some go through all numbers.

    Args:
        needed: descriptors that a server needs.

    Returns:
        What is wrong, with the mend, if that are fewer than are needed; None if there is nothing to say.
    """
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - not there on Windows

    def is_enough(limit: int) -> bool:
        return limit == resource.RLIM_INFINITY or limit >= needed

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if is_enough(soft):
        return None
    wanted = needed if is_enough(hard) else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # some systems have a lower limit beside the hard one
        wanted = soft
    if wanted >= needed:
        return None
    return (
        f"this process may have {wanted:,} files and connections open, and a server with {CALLS:,} calls of apps under "
        f"way needs {needed:,}: raise the limit with `ulimit -n {needed}`, or LimitNOFILE={needed} in a unit of systemd"
    )
