"""Modules of the official SDK that are not there yet: importing one says so, and what to do meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_COMING = {
    "connect": "functions are served over HTTP, as by `inngest.fast_api`, or run in this process by `inngest.Engine`",
    "experimental.dev_server": "`inngest dev` is a development server",
    "experimental.mocked": "`inngest.testing` runs functions in tests, with a clock that the test moves",
    "experimental.realtime": "publish with a client of your own",
    "experimental.remote_state_middleware": "keep large values elsewhere, and return references to them",
    "experimental.sentry_middleware": "an `inngest.Middleware` of your own can report errors in `transform_output`",
}
_PRIVATE = (
    "inngest._internal is private to the official SDK, and is not there: errors are in inngest.errors, all else that "
    "has a public name is in inngest"
)


class _Finder:
    """Asked last, when there is no such module."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Nothing; or an ImportError that says that it comes later."""
        if fullname == "inngest._internal":
            raise ImportError(_PRIVATE, name=fullname)
        meanwhile = _COMING.get(fullname.removeprefix("inngest.")) if fullname.startswith("inngest.") else None
        if meanwhile is None:
            return None
        raise ImportError(
            f"{fullname} is not there yet: it comes with a later version of pyngest. Until then, {meanwhile}",
            name=fullname,
        )


def announce() -> None:
    """Have imports of what comes later say so."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.append(_Finder())
