"""The arguments of `serve`, checked when it is called: what is wrong there would else be an answer to the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inngest.protocol import limits
from inngest.protocol.wire import signing
from inngest.sdk.client import Inngest
from inngest.sdk.errors import SigningKeyMissingError
from inngest.sdk.function import Client, Function


def client_of(given: object) -> Client:
    """The client of an endpoint.

    Raises:
        TypeError: it is none.
        SigningKeyMissingError: in production, without a signing key.
        ValueError: in production, with a key that is none.
    """
    if not isinstance(given, Inngest):
        raise TypeError(
            f"client: expected an inngest.Inngest, got {type(given).__name__}; serve takes the application, the "
            "client, and a list of functions, in this order"
        )
    if given.is_production:
        _check_keys(given)
    return given


def _check_keys(client: Inngest) -> None:
    if not client.signing_key:
        raise SigningKeyMissingError(
            "a signing key is needed to serve functions in production: pass signing_key to the client, or set "
            "INNGEST_SIGNING_KEY. In development set INNGEST_DEV=1."
        )
    named = {"signing_key (INNGEST_SIGNING_KEY)": client.signing_key}
    if client.signing_key_fallback:
        named["INNGEST_SIGNING_KEY_FALLBACK"] = client.signing_key_fallback
    for name, key in named.items():
        try:
            signing.hashed(key)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def functions_of(given: object) -> list[Function[object]]:
    """The functions of an endpoint.

    Raises:
        TypeError: they are no list of functions.
        ValueError: an app cannot register so many.
    """
    if isinstance(given, Function):
        raise TypeError(f"functions: expected a list of functions, got one function, {given.id}: write [that function]")
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise TypeError(f"functions: expected a list of functions, got {type(given).__name__}")
    functions: list[Any] = list(given)
    for index, one in enumerate(functions):
        if not isinstance(one, Function):
            name = getattr(one, "__name__", None)
            what = f"{name}, which is not one yet: decorate it with @client.create_function(…)" if name else repr(one)
            raise TypeError(f"functions[{index}]: expected a function of a client, got {what}")
    _check_count(functions)
    return functions


def _check_count(functions: Iterable[Function[object]]) -> None:
    """A handler of failures is a function of its own."""
    served = {one.id: 1 if one.on_failure_fn_id is None else 2 for one in functions}
    count = sum(served.values())
    if count > limits.MAX_FUNCTIONS:
        raise ValueError(
            f"functions: there are {count:,}, each on_failure counted as one, and an app has at most "
            f"{limits.MAX_FUNCTIONS:,}: serve some of them at another path, by a client with an app_id of its own"
        )
