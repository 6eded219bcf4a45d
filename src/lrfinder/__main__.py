"""``python -m lrfinder``."""

from lrfinder.cli import main

if __name__ == "__main__":
    main()
