"""How an answer to a server is sent: whole, or begun before the function has ended."""

import enum


class Streaming(enum.Enum):
    """Whether a served function's answer begins before the function has ended, so that no proxy gives up on it."""

    DISABLE = "disable"
    FORCE = "force"
