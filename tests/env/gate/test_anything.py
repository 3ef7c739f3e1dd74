"""Whatever a release ships, the gate answers, and no answer holds a secret."""

from hypothesis import example, given
from hypothesis import strategies as st

from upgrader.env.formats import NAMES, render
from upgrader.env.gate import Release, Source, check_release, release_changes

OPEN = ["APP_URL", "PORT", "COMPOSE_PROJECT_NAME"]
CLOSED = ["DB_PASSWORD", "SESSION_SECRET", "API_TOKEN", "RING_KEY"]
SECRET = "Wq7" + "hunter2zz"
URL = f"postgres://app:{SECRET}@db/app"
PLAIN = ["", "80", "changeme", URL, "# a note", "${PORT}", "'"]
ASSIGNED = st.tuples(st.sampled_from(OPEN), st.sampled_from(PLAIN)) | st.tuples(
    st.sampled_from(CLOSED), st.sampled_from([*PLAIN, SECRET, f"'{SECRET}'"])
)
COMMENTS = st.sampled_from(
    ["", "# REQUIRED\n", "# optional\n", "# openssl rand -hex 32\n", "# @generate hex:32\n", '# @human "ask us"\n',
     "# @renamed-from DB_PASSWORD\n", "# @required when=PORT:80\n", "# @nonsense\n", "<<<<<<< HEAD\n", "/* no */\n"]
)  # fmt: skip
LINES = st.builds(
    lambda comment, sign, pair: f"{comment}{sign}{pair[0]}={pair[1]}\n",
    COMMENTS,
    st.sampled_from(["", "# ", "export "]),
    ASSIGNED,
)
ENV = st.lists(LINES, max_size=6).map("".join).map(str.encode) | st.binary(max_size=60)
REFERENCES = st.builds(
    lambda key, operator: f"      - X=${{{key}{operator}}}\n",
    st.sampled_from(OPEN + CLOSED),
    st.sampled_from(["", ":?", "?no", f":-{URL}", ":-80"]),
)
COMPOSE = st.lists(REFERENCES, max_size=4).map(
    lambda lines: ("services:\n  web:\n    profiles: [a]\n    environment:\n" + "".join(lines)).encode()
) | st.binary(max_size=40)
RELEASES = st.builds(
    lambda example, compose, overlay: Release("v1", Source("a.env", example), (Source("c.yaml", compose),), overlay),
    ENV,
    COMPOSE,
    st.none() | ENV.map(lambda data: Source("o.env", data)),
)


@example(None, Release("v1", Source("a.env", b""), (Source("c.yaml", b"?"),), None), None)
@given(old=st.none() | RELEASES, new=RELEASES, notes=st.none() | st.text(max_size=40))
def test_it_answers_and_keeps_secrets(old: Release | None, new: Release, notes: str | None) -> None:
    findings, decisions = check_release(old, new, notes)
    changes = release_changes(old, new)
    assert [each for each in findings if each.line < 0 or not each.message or "\n" in each.message] == []
    for name in NAMES:
        assert SECRET not in render(name, findings, decisions, changes), name
