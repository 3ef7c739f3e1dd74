"""How members of directory archives are compressed, expanded and decoded, inside a container of the server's image."""

from enum import Enum

from upgrader.tools.postgres_beside import Place

_SMALL = 1 << 16
"""Bytes below which a member is not worth a program of its own."""

# $1: where pg_dump's words go; the rest: pg_dump.
_DUMP = 'umask 077; log=$1; shift 3; exec "$@" 2>"$log"'

# $1: where pg_dump's words go, $2: the directory, $3: how many at once; the rest: pg_dump. A member is compressed as
# soon as pg_dump says that it is finished; pg_dump's own exit status is the last thing in its words.
_DUMP_THEN_COMPRESS = f"""\
umask 077; log=$1; jobs=$3; cd "$2" || exit; shift 3
{{ "$@" 2>&1; echo "upgrader: $?"; }} | while IFS= read -r line; do
  printf '%s\\n' "$line"
  case $line in "pg_dump: finished item "[0-9]*" TABLE DATA "*)
    id=${{line#pg_dump: finished item }}; member=${{id%% *}}.dat
    [ "$(wc -c < "$member")" -le {_SMALL} ] || printf '%s\\n' "$member" >&3
  esac
done 3>&1 1>"$log" | xargs -r -P "$jobs" -n 1 zstd -q -1 --rm || exit
[ "$(tail -n 1 "$log")" = "upgrader: 0" ] || exit 1
find . -name '*.dat' ! -name toc.dat -size +{_SMALL >> 10}k | xargs -r -P "$jobs" -n 1 zstd -q -1 --rm
"""

# What pg_restore lists, then each compressor's own test. $1: the directory, $2: how many at once, $3: empty if there is
# no zstd.
_DECODE = """\
cd "$1" && pg_restore --list . || exit
[ -z "$3" ] || find . -name '*.zst' | xargs -r -P "$2" -n 8 zstd -q -t || exit
find . -name '*.gz' | xargs -r -P "$2" -n 8 gzip -t
"""

# $1: the directory, $2: a new one with the same members, those of zstd expanded; $3: how many at once. No links: newer
# pg_restores refuse them.
_EXPAND = """\
umask 077; mkdir -p "$2" && cd "$2" || exit
for member in "$1"/*; do case $member in *.zst) ;; *) cp "$member" . || exit ;; esac; done
find "$1" -name '*.zst' | xargs -r -P "$3" -n 1 sh -c 'name=${1##*/}; zstd -q -d -o "${name%.zst}" "$1"' sh
"""


class Compression(Enum):
    """The ways, best first."""

    BUILT_IN = "zstd:1"
    """pg_dump's own zstd."""
    BESIDE = "0"
    """The image's zstd, member by member, while pg_dump goes on with the next."""
    GZIP = "1"
    """pg_dump's own gzip at its fastest."""

    @staticmethod
    def of(place: Place, *, room: bool) -> "Compression":
        """The best for a place; `room`: whether its disk takes a whole member as plain text."""
        if place.zstd_built_in:
            return Compression.BUILT_IN
        return Compression.BESIDE if place.zstd and room else Compression.GZIP

    def dumping(self, log: str, directory: str, jobs: int, *pg_dump: str) -> tuple[str, ...]:
        """A program that runs `pg_dump`, and compresses what it leaves in `directory` plain."""
        script = _DUMP_THEN_COMPRESS if self is Compression.BESIDE else _DUMP
        return ("sh", "-c", script, "sh", log, directory, str(jobs), *pg_dump)


def decoding(directory: str, jobs: int, *, zstd: bool) -> tuple[str, ...]:
    """A program that prints the list of contents, and decodes all that is compressed; `zstd`: whether there is one."""
    return ("sh", "-c", _DECODE, "sh", directory, str(jobs), "zstd" if zstd else "")


def expanding(directory: str, into: str, jobs: int) -> tuple[str, ...]:
    """A program that makes `into` a directory archive without zstd."""
    return ("sh", "-c", _EXPAND, "sh", directory, into, str(jobs))
