"""An upgrade that is healthy over empty tables is none: it is found in the rehearsal, or before it counts."""

from pathlib import Path

import pytest

from tests.e2e.scenario import PLAYBOOK, WHOLE, Operator
from upgrader.demo.host import Installation
from upgrader.demo.remote import add_release

pytestmark = pytest.mark.docker
WIPE = "migrations/0003_tidy.sql"


def test_an_upgrade_that_loses_rows_does_not_count(remote: Path, app: Installation) -> None:
    """By a migration, in its rehearsal; by the new version itself, where no schema says so; and agreed to."""
    add_release(remote, "v1.0.5", {WIPE: "delete from notes where id > 1;\n"}, base="v1.0.0")
    seed = "truncate notes; insert into notes (body) values ('welcome');\n"
    add_release(remote, "v1.0.6", {"seed.sql": seed}, base="v1.0.0")
    meant = {WIPE: "delete from notes where id > 1;\ndrop table authors;\n", "seed.sql": "select 1;\n"}
    add_release(remote, "v1.0.7", meant, base="v1.0.0")
    rows = app.write(25)
    whole, quick = Operator.at(app, WHOLE), Operator.at(app, PLAYBOOK)
    whole.playbook = app.path.parent / "whole.yaml"
    whole.playbook.write_text(WHOLE)

    boxes = whole.boxes()
    found = whole.upgrade("v1.0.5", code=5)
    told = " ".join(found.err.split())
    assert "public.notes has 1 row, and had 25, in the rehearsal of the migrations" in told
    assert "upgrader upgrade --to v1.0.5 --accept-data-loss" in told
    assert (whole.last().failed_step() or ("",))[0] == "rehearse"
    assert (whole.boxes(), app.notes()) == (boxes, rows), "nothing was touched"

    # no schema has changed and no copy was made: only the dump has the rows
    wiped = quick.upgrade("v1.0.6", code=5)
    told = " ".join(wiped.err.split())
    assert "public.notes has 1 row, and had 25, after the upgrade" in told
    run, back = quick.last(), quick.last("rollback")
    assert (run.failed_step() or ("",))[0] == "canary"
    assert run.touched("compose.up")
    assert run.before("canary")["collapsed"] == {"app": {"public.notes": "has 1 row, and had 25"}}
    assert back.facts("database.stage")["ways"] == {"app": "dump"}
    assert (app.version(), app.notes()) == ("1.0.0", rows)
    kept = back.facts("database.swap")["aside"]["app"]
    assert quick.sql("select body from notes", kept) == ["welcome"], "what the new version made of it is kept"

    agreed = quick.upgrade("v1.0.7", "--accept-data-loss")
    told = " ".join((agreed.out + agreed.err).split())
    assert "public.notes has 1 row, and had 25" in told
    assert "accepted beforehand: --accept-data-loss" in told
    assert "authors" not in quick.last().before("canary")["collapsed"]["app"], "dropped on purpose"
    assert (app.version(), len(app.notes()), quick.last().outcome) == ("1.0.7", 1, "done")
