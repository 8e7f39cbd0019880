"""`python -m inngest`: the command line.

A file of its own: Python runs it for `python -m inngest`.
"""

from inngest.cli import main

if __name__ == "__main__":
    main()
