"""`upgrader` and `python -m upgrader`."""

import sys


def main() -> None:
    """Run the command line. `--version` alone is answered without loading anything."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from upgrader import __version__

        sys.stdout.write(f"upgrader {__version__}\n")
        return
    from upgrader.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
