"""The programs of the corpus, by what they try."""

from . import failing, plain, racing, straight, together, waiting

__all__ = ["failing", "plain", "racing", "straight", "together", "waiting"]
