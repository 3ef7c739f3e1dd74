"""Keys that have another name now by what stands around them: a whole family's prefix, or one line in its place."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from upgrader.env import evidence
from upgrader.env.document import Document
from upgrader.env.regex import regex

_FEWEST = 3  # keys that say by themselves that a prefix was renamed; two need the same defaults as well

_FRAMEWORK = regex(r"(?:NEXT_PUBLIC|NUXT_PUBLIC|VITE|REACT_APP|PUBLIC)_(?P<name>[^_].*)")
"""What a framework wants in front of a name to show the variable to browsers."""

_COMMON = 50  # prefixes: a suffix that more of them have tells nothing


Renamed: TypeAlias = tuple[str, str]
"""The old name, and what tells that it is the same key."""


def renamed(previous: Document, example: Document) -> Mapping[str, Renamed]:
    """New key → its old name, of keys that left the example for it."""
    before, now = _active(previous), _active(example)
    kept = {*now, *(each.key for each in example.disabled)}
    known = {*before, *(each.key for each in previous.disabled)}
    gone = [key for key in before if key not in kept]
    new = [key for key in now if key not in known]
    found = {key: (old, f"{old} is gone, and it stands in its place") for key, old in _in_place(before, now)}
    found = {key: each for key, each in found.items() if each[0] in gone and key in new}
    for key, old in _in_framework(before, now, gone, new):
        found.setdefault(key, (old, f"{old} is gone, and it has the name and the value that this one had"))
    for old_prefix, new_prefix, suffixes in _prefixes(before, now, gone, new):
        why = f"the keys {old_prefix}_… are called {new_prefix}_… now"
        for suffix in suffixes:
            found.setdefault(f"{new_prefix}_{suffix}", (f"{old_prefix}_{suffix}", why))
        if old_prefix in gone and new_prefix in new:  # the switch of what the others set up
            found.setdefault(new_prefix, (old_prefix, why))
    return found


def _active(document: Document) -> dict[str, str]:
    return {each.key: each.value or "" for each in document.entries}


def _in_place(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs with the same neighbours and the same default, whose names share a word."""
    places = {(above, below): key for above, key, below in _between(list(now))}
    for above, old, below in _between(list(before)):
        key = places.get((above, below))
        same = key is not None and key != old and now[key] == before[old]
        if key and same and not evidence.words(old).isdisjoint(evidence.words(key)):
            yield key, old


def _in_framework(
    before: Mapping[str, str], now: Mapping[str, str], gone: list[str], new: list[str]
) -> Iterator[tuple[str, str]]:
    """Pairs with the same value and name, of at least two words, once what frameworks put in front is left out."""
    olds: dict[str, list[str]] = {}
    for old in gone:
        olds.setdefault(_unframed(old), []).append(old)
    for key in new:
        name = _unframed(key)
        pairs = [old for old in olds.get(name, ()) if before[old] and before[old] == now[key]]
        if len(pairs) == 1 and "_" in name:
            yield key, pairs[0]


def _unframed(key: str) -> str:
    found = _FRAMEWORK.fullmatch(key)
    return found["name"] if found else key


def _between(keys: list[str]) -> Iterator[tuple[str, str, str]]:
    return zip(keys, keys[1:], keys[2:], strict=False)


def _prefixes(
    before: Mapping[str, str], now: Mapping[str, str], gone: list[str], new: list[str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Prefixes most of whose keys are gone, and the one under which most of these have come back."""
    everything = Counter(prefix for key in before for prefix in _heads(key))
    by_suffix: dict[str, list[str]] = {}
    for key in new:
        for prefix in _heads(key):
            by_suffix.setdefault(key[len(prefix) + 1 :], []).append(prefix)
    families: dict[str, list[str]] = {}
    for key in gone:
        for prefix in _heads(key):
            families.setdefault(prefix, []).append(key[len(prefix) + 1 :])
    for prefix, suffixes in families.items():
        if len(suffixes) < 2 or len(suffixes) * 2 <= everything[prefix]:
            continue
        back = Counter(other for each in suffixes for other in by_suffix.get(each, ())[:_COMMON])
        most = back.most_common(2)
        if not most or (len(most) == 2 and most[0][1] == most[1][1]):
            continue
        ((other, count), *_) = most
        if count < 2 or count * 2 <= len(suffixes):
            continue
        carried = [each for each in suffixes if f"{other}_{each}" in now]
        same = all(before[f"{prefix}_{each}"] == now[f"{other}_{each}"] for each in carried)
        if count >= _FEWEST or same:
            yield prefix, other, carried


def _heads(key: str) -> Iterator[str]:
    """What stands before each `_` of a name."""
    return (key[:at] for at, letter in enumerate(key) if letter == "_" and at)


def shares_tail(old: str, key: str) -> bool:
    """Whether only what stands in front differs: `SEARCH_HOST` and `SEARCH_DSL_HOST`."""
    tails = {old[len(head) + 1 :] for head in _heads(old)}
    return any(key[len(head) + 1 :] in tails for head in _heads(key))
