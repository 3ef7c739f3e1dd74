"""What runs in a container to read, archive, fill and swap volumes: sh for GNU's tools and for BusyBox's."""

TOOLS = r"""
tar --version 2>/dev/null | grep -q 'GNU tar' && echo gnu || { command -v tar >/dev/null && echo plain || echo none; }
for tool in zstd gzip; do command -v $tool >/dev/null && echo $tool; done
for tool in find stat du sort sha256sum mktemp; do command -v $tool >/dev/null || echo "none $tool"; done
"""
"""Prints which tar there is, and the compressors."""

_LOOK = r"""
export LC_ALL=C
look() {
  list=$(mktemp)
  (cd "$1" && {
    find . -xdev -type d -exec stat -c 'd %a %u %g %n' {} +
    find . -xdev -type f -exec stat -c 'f %s %Y %a %u %g %h %n' {} +
    find . -xdev -type l -exec stat -c 'l %s %n' {} +
    find . -xdev ! -type d ! -type f ! -type l ! -type s -exec stat -c 'o %u %g %t %T %n' {} +
  }) 2>/dev/null | sort > "$list"
  echo "look $(grep -c '^[flo]' "$list") $(du -skx "$1" 2>/dev/null | cut -f 1) $(sha256sum < "$list" | cut -c 1-64)"
  rm -f "$list"
}
"""
# What file systems and tars differ in is not compared: sizes of directories, owners and times of links. A name with a
# line break is two lines, which is as good for a digest. Sockets are no data, and no tar keeps them.

LOOK = (
    _LOOK
    + r"""
look "$1"
mark=$(mktemp); touch -d "@$2" "$mark"
echo "newer $(find "$1" -xdev -type f -newer "$mark" -print0 2>/dev/null | tr -cd '\000' | wc -c)"
"""
)
"""$1: a directory; $2: seconds since the epoch. Prints files, KiB and digest, and how many files are newer."""

ARCHIVE = (
    _LOOK
    + r"""
from=$1 packing=$2 niceness=$3; shift 3
nicely() { if command -v nice >/dev/null; then nice -n "$niceness" "$@"; else "$@"; fi; }
look "$from" >&2
told=$(mktemp)
{ nicely tar -C "$from" "$@" -cf - .; echo $? > "$told"; } | nicely sh -c "$packing"
echo "ended $(cat "$told") $?" >&2
look "$from" >&2
"""
)
"""$1: a directory; $2: a compressor; $3: niceness; the rest: options of tar. Archive on stdout, words on stderr."""

READ = r"""
unpacking=$1
told=$(mktemp)
{ sh -c "$unpacking"; echo $? > "$told"; } | tar -tf - > /dev/null
ended=$?
echo "ended $ended $(cat "$told")" >&2
"""
"""$1: a decompressor; the archive is stdin."""

EXTRACT = (
    _LOOK
    + r"""
into=$1; unpacking=$2; shift 2
find "$into" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + || exit
told=$(mktemp)
{ sh -c "$unpacking"; echo $? > "$told"; } | tar -C "$into" "$@" -xpf -
ended=$?
sync
echo "ended $ended $(cat "$told")" >&2
look "$into" >&2
"""
)
"""$1: a directory of ours, emptied first; $2: a decompressor; the rest: options of tar. The archive is stdin."""

IDENTITY = r"""
for path; do stat -c %i "$path" 2>/dev/null || echo 0; done
"""
"""Prints the inode of each path; 0: there is none."""

MAKE = r"""
[ -e "$1" ] || mkdir -m 700 "$1"
"""

SWAP = r"""
live=$1 source=$2 keep=$3 old=$4 new=$5 parked=$3.live
id() { stat -c %i "$1" 2>/dev/null || echo 0; }
stop() { echo "$*" >&2; exit 3; }
[ "$old" != 0 ] && [ "$new" != 0 ] || stop "there is nothing to swap"
# Of two renames at once there is none everywhere, so each is told by what lies where, and done if it is still to do.
if [ "$(id "$keep")" != "$old" ]; then
  if [ "$(id "$live")" = "$old" ]; then
    [ ! -e "$parked" ] || stop "$parked is in the way"
    [ "$(id "$source")" = "$new" ] || stop "$source is not what was restored"
    mv "$live" "$parked" || exit
  fi
  [ "$(id "$parked")" = "$old" ] || stop "$live is not what it was when the swap began"
  if [ "$(id "$live")" != "$new" ]; then
    # an engine that starts a container meanwhile makes an empty directory
    [ ! -e "$live" ] || rmdir "$live" || stop "$live was made meanwhile, and is not empty"
    mv "$source" "$live" || exit
  fi
  [ ! -e "$keep" ] || rmdir "$keep" || stop "$keep is in the way"
  mv "$parked" "$keep" || exit
fi
[ "$(id "$live")" = "$new" ] || stop "$live is not what was restored"
sync
"""
"""$1: what is live; $2: what takes its place; $3: where it is kept; $4, $5: the inodes of the first two.

Cut off anywhere, the same call ends it: what was live is in one of three places, and never removed.
"""
