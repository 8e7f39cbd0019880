"""`python -m inngest`: the command line."""

from inngest.cli import main

if __name__ == "__main__":
    main()
