"""`upgrader` and `python -m upgrader`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line. `--version`, a plain `status` and `env-check` of named files do without most of it."""
    if (answer := _at_once(sys.argv[1:])) is not None:
        text, code = answer
        try:
            if text:
                print(text.encode(sys.stdout.encoding, "replace").decode(sys.stdout.encoding))  # noqa: T201
            sys.stdout.flush()
        except BrokenPipeError:
            pass  # whoever read has seen enough
        os._exit(code)  # nothing is open; taking the interpreter apart in good order would cost a tenth of the time
    from upgrader.cli.app import run

    sys.exit(run())


def _at_once(argv: list[str]) -> tuple[str, int] | None:
    """What to print, and the exit code; None where it takes the whole command line to answer."""
    if argv in (["--version"], ["-V"]):
        from upgrader import __version__

        return f"upgrader {__version__}", 0
    gc.disable()  # there will not be enough garbage to be worth a look
    try:
        if argv[:1] == ["env-check"]:
            from upgrader.cli.env_loose import at_once

            return at_once(argv)
        if "status" in argv:
            from upgrader.cli.glance import status_at_once

            text = status_at_once(argv)
            return None if text is None else (text, 0)
    finally:
        gc.enable()
    return None


if __name__ == "__main__":
    main()
