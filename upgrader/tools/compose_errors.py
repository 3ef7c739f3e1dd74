"""What Compose says when it refuses or fails, in words that name the place and the way on. No values of env files."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from upgrader.errors import RefusedError, StepError, TransientError, UpgraderError

_NOISE = re.compile(r"^(time=|\s*$)")
_REQUIRED = re.compile(r"required variable (?P<name>\w+) is missing a value(: (?P<text>.*))?")
_READING_ENV = re.compile(r"failed to read (?P<file>.+?): (line (?P<line>\d+): )?(?P<reason>.+)")
_SOME_ENV = re.compile(r"^line (?P<line>\d+): (?P<reason>.+)", re.MULTILINE)
_NO_ENV_FILE = re.compile(r"couldn't find env file: (?P<file>.+)|env file (?P<other>.+?) not found", re.IGNORECASE)
_NO_FILE = re.compile(r"(open|read|stat) (?P<file>\S+): (no such file or directory|is a directory)")
_INTERPOLATION = re.compile(r"invalid interpolation format for (?P<where>\S+?)\.?$", re.MULTILINE)
# what follows these words is the line of the env file itself
_QUOTES = re.compile(r"(unterminated quoted value|in variable name|Invalid template:).*", re.DOTALL)

_NETWORK = re.compile(
    r"no such host|temporary failure in name resolution|i/o timeout|TLS handshake timeout|connection re(fused|set)"
    r"|network is unreachable|no route to host|unexpected EOF|Client\.Timeout|context deadline exceeded"
    r"|toomanyrequests|too many requests|50[234] (bad gateway|service|gateway)|received unexpected HTTP status: 5",
    re.IGNORECASE,
)
# a docker without its plugin takes the options of `compose` for its own
_NO_PLUGIN = re.compile(r"'compose' is not a docker command|unknown flag: --ansi")
_NO_ENGINE = re.compile(r"cannot connect to the docker daemon|error during connect", re.IGNORECASE)


def refused(said: str, files: Sequence[Path], env_file: Path, argv: Sequence[str]) -> RefusedError:
    """What `config` on these files was refused for. `argv` is the call that shows it to a person."""
    again = shlex.join(argv)
    reason = next((line for line in said.splitlines() if not _NOISE.match(line)), "no reason given").strip()
    if "docker: no such program" in said:
        return RefusedError("the docker command is not installed", "apt-get install docker.io docker-compose-v2")
    if _NO_PLUGIN.search(said):
        return RefusedError("Docker has no Compose plugin here", "apt-get install docker-compose-v2")
    if match := _READING_ENV.search(said):
        return _bad_env(match, env_file)
    if match := _REQUIRED.search(said):
        text = f" ({match['text'].strip()})" if match["text"] else ""
        where = _file_with(match["name"], files)
        return RefusedError(
            f"{where} requires {match['name']}, which {env_file} does not set{text}",
            f"Add {match['name']}=… to {env_file}",
        )
    if match := _NO_ENV_FILE.search(said):
        return RefusedError(f"the env file {match['file'] or match['other']} does not exist", again)
    if match := _NO_FILE.search(said):
        return RefusedError(f"the compose file {match['file']} cannot be read", again)
    names = ", ".join(str(path) for path in files)
    if match := _SOME_ENV.search(said):  # older versions do not say which file
        bad = _QUOTES.sub(r"\1", match["reason"]).rstrip(":")
        where = f"an `env_file:` of a service in {names}, line {match['line']}"
        return RefusedError(f"Compose rejects {where}: {bad}", shlex.join(["grep", "-n", "env_file", *map(str, files)]))
    if match := _INTERPOLATION.search(said):
        return RefusedError(f"{names}: Compose cannot interpolate {match['where']}; a literal $ is written $$", again)
    return RefusedError(f"Compose rejects {names}: {reason}", again)


def _bad_env(match: re.Match[str], env_file: Path) -> RefusedError:
    file, line = match["file"], match["line"]
    where = f"{file}, line {line}" if line else file
    if required := _REQUIRED.search(match["reason"]):
        return RefusedError(
            f"{where} refers to {required['name']}, which is not set", f"Add {required['name']}=… to {file}"
        )
    reason = _QUOTES.sub(r"\1", match["reason"]).rstrip(":")
    at = f"+{line} " if line else ""
    return RefusedError(f"Compose rejects {where}: {reason}", f"${{EDITOR:-vi}} {at}{file or env_file}")


def _file_with(name: str, files: Sequence[Path]) -> str:
    """The file that mentions the variable as required; all of them when it comes from elsewhere (an include)."""
    pattern = re.compile(rf"\$\{{{name}:?\?")
    for path in files:
        if path.is_file() and pattern.search(path.read_text(encoding="utf-8", errors="replace")):
            return str(path)
    return ", ".join(str(path) for path in files)


def failed(what: str, said: str, lines: Sequence[str]) -> UpgraderError:
    """What a call that changes something failed with; TransientError when another attempt may cure it.

    `what` begins the message (`pulling web, db`); `lines` are the redacted last lines of the output.
    """
    for pattern, error in _FAILURES:
        if match := pattern.search(said):
            message, hint, kind = error(match)
            return kind(f"{what}: {message}", hint, lines=lines)
    return StepError(f"{what} failed", lines=lines)


_Failure = Callable[[re.Match[str]], tuple[str, str, type[UpgraderError]]]

_FAILURES: tuple[tuple[re.Pattern[str], _Failure], ...] = (
    (_NO_ENGINE, lambda _: ("the Docker engine does not answer", "systemctl status docker", TransientError)),
    (
        re.compile(r"no space left on device", re.IGNORECASE),
        lambda _: ("the engine's disk is full", "docker system df", StepError),
    ),
    (
        re.compile(r"(port is already allocated|address already in use)"),
        lambda _: ("a port that it publishes is taken", "ss -ltnp", StepError),
    ),
    (
        re.compile(r"No such image: (\S+)"),
        lambda m: (f"the image {m[1]} is not on this machine", "docker images", StepError),
    ),
    (
        re.compile(r"The container name \"/?([^\"]+)\" is already in use"),
        lambda m: (f"a container named {m[1]} is in the way", f"docker inspect {m[1]}", StepError),
    ),
    (_NETWORK, lambda _: ("the registry or the network does not answer", "", TransientError)),
    (
        re.compile(r"must be built from source"),
        lambda _: ("an image is in no registry and must be built", "docker compose build", StepError),
    ),
    (
        re.compile(
            r"manifest (for (\S+) )?(unknown|not found)|(\S+): not found|pull access denied for ([^,\s]+)|unauthorized"
        ),
        lambda m: (f"the registry has no {m[2] or m[4] or m[5] or 'such image'} for us", "docker login", StepError),
    ),
)
