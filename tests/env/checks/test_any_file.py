"""Whatever stands in a file that Compose accepts: every check ends, and none tells a secret."""

from contextlib import suppress

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from upgrader.env.case import Case
from upgrader.env.checks import Scene, check_live
from upgrader.env.decide import decide
from upgrader.env.document import Document
from upgrader.errors import RefusedError

MARK = "Zq9Wk3"
KEYS = st.sampled_from(
    ["DB_PASSWORD", "SECRET_KEY", "DATABASE_URL", "POSTGRES_PASSWORD", "PORT", "API_TOKEN", "A", "B_TAG"]
)
PIECES = st.sampled_from(
    [MARK, "$", "${A}", "$B", "'", '"', "\\", "#", " #", " ", "%4", "%40", "@", ":", "/", "?", "=", "\t", "postgres://u:", "@db/x",
     "CHANGE_ME", "1.2.3", "é", "{", "}", "<x>"]
)  # fmt: skip
LINES = st.builds(
    lambda key, between, pieces: f"{key}{between}{''.join(pieces)}",
    KEYS,
    st.sampled_from(["=", "= ", ": ", "="]),
    st.lists(PIECES, max_size=5),
)
COMMENTS = st.sampled_from(
    ["# REQUIRED", "# @required", "# @exactly 4", "# @same-as DB_PASSWORD", "# @same-as DATABASE_URL#password", "#A=1", "", "BARE",
     "# must be 32 characters: openssl rand -hex 16", "# must match DB_PASSWORD", '# @deprecated "x"', "# @type=port"]
)  # fmt: skip
FILES = st.lists(COMMENTS | LINES, max_size=8).map(lambda lines: "".join(f"{line}\n" for line in lines))


@settings(max_examples=300, deadline=None)
@given(FILES, FILES, FILES)
def test_every_check_ends_and_tells_no_secret(live: str, example: str, previous: str) -> None:
    documents: list[Document] = []
    for text in (live, example.replace(MARK, "shipped"), previous.replace(MARK, "shipped")):
        with suppress(RefusedError):
            documents.append(Document.parse(text.encode(), ".env"))
    assume(len(documents) == 3)
    here, new, old = documents
    case = Case(here, new, old)
    for found in check_live(Scene(case, decide(case))):
        assert MARK not in repr(found)
        assert found.message
        assert found.line <= len(live.splitlines()) + 1
