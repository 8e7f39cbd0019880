"""What `step.fetch` gives."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from inngest.protocol import codec
from inngest.protocol.requests import BASE64


@dataclass(frozen=True)
class FetchResponse:
    """The answer to a `step.fetch`, as it was recorded.

    Attributes:
        status_code: of any kind: an error's too.
        headers: by name in lower case; several of one name are joined with ", ".
        body: as text in its charset (UTF-8 if it names none). What is no text in it is kept as base64.
        url: where it came from, after redirects.
        encoding: "base64" if the body is; else "".
    """

    status_code: int
    headers: Mapping[str, str]
    body: str
    url: str = ""
    encoding: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status_code < 300

    @property
    def content(self) -> bytes:
        """The body's bytes; of text, in UTF-8."""
        return base64.b64decode(self.body) if self.encoding == BASE64 else self.body.encode()

    def json(self) -> object:
        """The value of a body that is JSON.

        Raises:
            ValueError: it is not.
        """
        return codec.loads(self.body)
