"""`upgrader` and `python -m upgrader`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line. `--version` and a plain `status` are answered without loading all of it."""
    if (text := _at_once(sys.argv[1:])) is not None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        os._exit(0)  # nothing is open; taking the interpreter apart in good order would cost a tenth of the time
    from upgrader.cli.app import run

    sys.exit(run())


def _at_once(argv: list[str]) -> str | None:
    if argv in (["--version"], ["-V"]):
        from upgrader import __version__

        return f"upgrader {__version__}"
    if "status" in argv:
        gc.disable()  # there will not be enough garbage to be worth a look
        try:
            from upgrader.cli.glance import status_at_once

            return status_at_once(argv)
        finally:
            gc.enable()
    return None


if __name__ == "__main__":
    main()
