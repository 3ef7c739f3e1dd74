"""`upgrader` and `python -m upgrader`."""

import sys


def main() -> None:
    """Run the command line. `--version` and a plain `status` are answered without loading all of it."""
    if (text := _at_once(sys.argv[1:])) is not None:
        sys.stdout.write(f"{text}\n")
        return
    from upgrader.cli.app import run

    sys.exit(run())


def _at_once(argv: list[str]) -> str | None:
    if argv in (["--version"], ["-V"]):
        from upgrader import __version__

        return f"upgrader {__version__}"
    if "status" in argv:
        from upgrader.cli.glance import status_at_once

        return status_at_once(argv)
    return None


if __name__ == "__main__":
    main()
