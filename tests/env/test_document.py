"""Reading, looking up, appending; every claim about Compose is checked against Compose itself."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.env.dialect_cases import CORNERS, MEASURED, REFUSED, UNSET, Outcome
from upgrader.env.document import Addition, Document, EnvSyntaxError, quote
from upgrader.env.lexer import encode
from upgrader.errors import RefusedError

HOST = {"HOSTV": "hostv"}
ALPHABET = "ab$'\"\\#{} \n\t=!\r`é☕-:\x85\x0b\u2028"
PIECES = [
    "a",
    "b",
    " ",
    "\n",
    "\t",
    "\r",
    "$",
    "$a",
    "${a",
    "}",
    "'",
    '"',
    "\\",
    "\\n",
    "#",
    " #",
    "=",
    "!",
    "`",
    "é",
    "☕",
    "$$",
]
values = st.text(
    st.one_of(st.sampled_from(ALPHABET), st.characters(exclude_characters="\0", codec="utf-8")), max_size=40
)


def outcome(data: bytes) -> str | Outcome:
    try:
        value = Document.parse(data, environ=HOST).get("V")
    except EnvSyntaxError:
        return REFUSED
    return UNSET if value is None else encode(value).decode("utf-8", "replace")


@pytest.mark.parametrize(("data", "expected"), MEASURED + CORNERS)
def test_reads_as_compose_reads(data: bytes, expected: str | Outcome) -> None:
    assert outcome(data) == expected


def compose_values(folder: Path, files: list[bytes]) -> list[str | Outcome]:
    """What Compose makes of `V` in each file, all read by one `docker compose config` as one service's env file each."""
    services = {}
    for index, data in enumerate(files):
        (folder / f"{index}.env").write_bytes(data)
        services[f"s{index}"] = {"image": "none", "env_file": [f"{index}.env"]}
    (folder / "compose.json").write_text(json.dumps({"services": services}))
    done = compose_config(folder, os.devnull)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["services"]
    found = [(read[f"s{index}"].get("environment") or {}).get("V") for index in range(len(files))]
    return [UNSET if value is None else value.replace("$$", "$") for value in found]


def compose_config(folder: Path, env_file: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "compose", "-p", "envf", "-f", "compose.json", "--env-file", env_file, "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **HOST},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.docker
def test_compose_itself_reads_every_case_so(tmp_path: Path) -> None:
    accepted = [(data, expected) for data, expected in MEASURED + CORNERS if expected is not REFUSED]
    read = compose_values(tmp_path, [data for data, _ in accepted])
    assert list(zip(accepted, read, strict=True)) == [((data, expected), expected) for data, expected in accepted]


@pytest.mark.docker
def test_compose_itself_refuses_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "compose.json").write_text(json.dumps({"services": {"s": {"image": "none"}}}))
    refused = [data for data, expected in MEASURED + CORNERS if expected is REFUSED]
    accepted = []
    for data in refused:
        (tmp_path / "refused.env").write_bytes(data)
        if compose_config(tmp_path, "refused.env").returncode == 0:
            accepted.append(data)
    assert accepted == []


@pytest.mark.docker
def test_compose_reads_quoted_values_back(tmp_path: Path) -> None:
    samples = [prefix + suffix for prefix in PIECES for suffix in ["", *PIECES]]
    files = [encode(f"V={quote(sample)}\n") for sample in samples]
    assert compose_values(tmp_path, files) == samples


@given(values)
def test_quote_round_trips(value: str) -> None:
    data = encode(f"W=w\nV={quote(value)}\nX=x\n")
    document = Document.parse(data)
    assert document.values() == {"W": "w", "V": value, "X": "x"}


def test_a_nul_cannot_be_quoted() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


# Pieces of real files and of trouble; many joins of them are files that Compose accepts.
fragments = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"\n",
                b"\r\n",
                b"\r",
                b" ",
                b"\t",
                b"# c",
                b"# K=v",
                b"=",
                b":",
                b"'",
                b'"',
                b"\\",
                b"$",
                b"${",
                b"}",
                b"A=1",
                b"B='x y'",
                b'C="a\nb"',
                b"D=$A",
                b"export E=1",
                b"BARE",
                b"\xef\xbb\xbf",
                b"\xe9",
                b"\xc2\xa0",
            ]
        ),
        st.binary(max_size=3),
    ),
    max_size=25,
).map(b"".join)


@given(fragments)
def test_reading_never_crashes_and_spans_are_the_bytes(data: bytes) -> None:
    document = parsed(data)
    if isinstance(document, EnvSyntaxError):
        assert 1 <= document.line <= data.count(b"\n") + 1
        assert document.column >= 1
        return
    end = 0
    for entry in document.entries:
        assert end <= entry.start < entry.end <= len(data)
        assert entry.line == data.count(b"\n", 0, entry.start) + 1
        assert encode(entry.key) in data[entry.start : entry.end]
        end = entry.end


def parsed(data: bytes) -> Document | EnvSyntaxError:
    try:
        return Document.parse(data)
    except EnvSyntaxError as error:
        return error


@given(fragments, st.lists(values, min_size=1, max_size=3), st.text(max_size=20))
def test_append_keeps_every_byte_and_value(data: bytes, added: list[str], comment: str) -> None:
    document = parsed(data)
    if isinstance(document, EnvSyntaxError):
        return
    additions = [Addition(f"NEW_{index}", value, comment) for index, value in enumerate(added)]
    new = document.append(additions, "added\nby a test")
    assert new.startswith(data)
    after = Document.parse(new)
    assert after.entries[: len(document.entries)] == document.entries
    assert after.values() == document.values() | {each.key: each.value for each in additions}


@pytest.mark.parametrize(
    ("data", "added"),
    [
        (b"", b"# why\nK=v\n"),
        (b"\xef\xbb\xbf", b"# why\nK=v\n"),
        (b"A=1", b"\n\n# why\nK=v\n"),
        (b"A=1\n", b"\n# why\nK=v\n"),
        (b"A=1\n\n", b"# why\nK=v\n"),
        (b"A=1\r\nB=2", b"\r\n\r\n# why\r\nK=v\r\n"),
        (b"A=1\r\nB=2\r\n", b"\r\n# why\r\nK=v\r\n"),
        (b"A=1\r\nB=", b"\r\n\r\n# why\r\nK=v\r\n"),
        (b"A=1\nB=2\nC=3\r\n", b"\n# why\nK=v\n"),
    ],
)
def test_append_in_the_files_own_style(data: bytes, added: bytes) -> None:
    assert Document.parse(data).append([Addition("K", "v", "why")]) == data + added


def test_append_of_nothing_is_nothing() -> None:
    assert Document.parse(b"A=1").append([], "header") == b"A=1"


@pytest.mark.parametrize("live", [b"K=\n", b"K\n", b"K=1\nK=2\n"])
def test_append_never_overrides(live: bytes) -> None:
    with pytest.raises(RefusedError, match="already has K"):
        Document.parse(live).append([Addition("K", "v")])


@pytest.mark.parametrize("key", ["1K", "A B", "K=X", "#K", ""])
def test_append_refuses_keys_that_do_not_read_back(key: str) -> None:
    with pytest.raises(RefusedError):
        Document.parse(b"A=1\n").append([Addition(key, "v")])


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"A=1\n\nV='abc\nW=1\n", 3, 3),
        (b"\xef\xbb\xbfA B=1\n", 1, 2),
        (b"A=1\n\xc3\xa9\xc3\xa9!=1\n", 2, 3),
        (b"A=1\r\n  <<<<<<< HEAD\r\n", 2, 3),
        (b"A=1\nB=${NOPE:?secret}\n", 2, 1),
        (b"A=1\nK", 2, 1),
    ],
)
def test_a_refusal_names_the_place(data: bytes, line: int, column: int) -> None:
    with pytest.raises(EnvSyntaxError) as caught:
        Document.parse(data, "app/.env")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.message.startswith(f"app/.env:{line}:{column}: ")


@pytest.mark.parametrize("data", [b"K='hunter2\n", b"K=hunter2${\n", b"K=${A:?hunter2}\n", b'K="hunter2\nX=1\n'])
def test_a_refusal_shows_no_value(data: bytes) -> None:
    with pytest.raises(EnvSyntaxError) as caught:
        Document.parse(data)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_looking_up() -> None:
    document = Document.parse(b"A=1\nB=${A}2\nA=3\n1X=ignored\nBARE\nexport C='x'\n")
    assert document.values() == {"A": "3", "B": "12", "C": "x"}
    assert document.get("A") == "3"
    assert document.get("BARE") is None
    assert "BARE" in document
    assert "D" not in document
    assert document.lines_of("A") == (1, 3)
    assert document.duplicates() == {"A": (1, 3)}
    assert document.values({"A": "host", "BARE": "b"}) == {"A": "3", "B": "host2", "C": "x", "BARE": "b"}
    assert [entry.quoted for entry in document.entries] == ["", "", "", "", "", "'"]


def test_comments_belong_to_the_line_below() -> None:
    document = Document.parse(
        b"# header\n\n# about A\n# AUTH_MODE=local means that B is used\nA=1\nB=2\n# C is off\n# C='x y'\n# D note\nD=4 # inline\n"
    )
    assert [entry.comments for entry in document.entries] == [
        ("about A", "AUTH_MODE=local means that B is used"),
        (),
        ("D note",),
    ]
    assert [(each.key, each.text, each.line, each.prose) for each in document.disabled] == [
        ("AUTH_MODE", "local means that B is used", 4, True),
        ("C", "'x y'", 8, False),
    ]
    assert document.disabled[1].comments == ("C is off",)
    assert [entry.inline for entry in document.entries] == ["", "", "inline"]


def test_values_are_not_in_a_repr() -> None:
    document = Document.parse(b"K=hunter2\n# O=hunter2\n", environ={"X": "hunter2"})
    assert "hunter2" not in repr(document)
    assert "hunter2" not in repr(Addition("K", "hunter2"))


def test_ten_thousand_keys_are_read_in_well_under_a_second() -> None:
    data = b"".join(b"# about key %d\nKEY_%d='some value %d'\nOTHER_%d=${KEY_%d}\n" % ((n,) * 5) for n in range(5000))
    started = time.process_time()
    assert len(Document.parse(data).values()) == 10_000
    assert time.process_time() - started < 1
