"""Runs the command line as ``python -m kgate``."""

from kgate.commands.main import run

if __name__ == "__main__":
    run()
