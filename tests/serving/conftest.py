"""What all tests of serving share: no test asks a real server.

A file of its own: pytest looks for it by this name.
"""

from __future__ import annotations

import pytest

from inngest.sdk.serving import handler

from .asking import FakeApi


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The API of the server of every endpoint that is given none."""
    fake = FakeApi()
    monkeypatch.setattr(handler, "KeptHttp", lambda: fake)
    return fake
