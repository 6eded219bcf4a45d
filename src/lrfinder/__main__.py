"""``python -m lrfinder``."""

from lrfinder._cli.commands import main

if __name__ == "__main__":
    main()
