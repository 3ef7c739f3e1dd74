"""Reports, against their golden texts."""

import io

from tests.ui import samples
from tests.ui.story import failed, forward, started
from upgrader.model import events as e
from upgrader.model.plan import Plan, lost
from upgrader.ui.report import run_details, show_plan
from upgrader.ui.tables import history_table, status_screen

PLAN = """\
Upgrade shop: v1.0.0 → v1.1.0
  in /srv/shop, playbook compose-git

2 commits
  9d1f0c2aa  Let people share a workflow
  77aa00112  Add workflows

2 changed files
  compose.yaml
  migrations/0007_workflows.sql

Env keys
  WORKFLOW_SECRET_KEY  generate ***  compose.yaml requires it
  WORKFLOW_LIMIT       set 20        new in the example

Images
  web  shop-web:1.0.0 → shop-web:1.1.0  build

Migrations, while the old version serves
  0007_workflows.sql
  0008_shares.sql

Containers recreated
  web     its image changes
  worker  its environment changes

Data
  app: Postgres 16.14, 7.8 MiB

Disk
  restore point  12.0 MiB needed  41.0 GiB free in /var/lib/upgrader

Steps
  preflight  ✓  Check the ground       Docker 26.1.5
  prepare    •  Back up the databases  1 database, 7.8 MiB
             •  Check out 9d1f0c2aa    2 commits to go
  cutover    •  Run the migrations     2 to go

Expected downtime: about 3.2s (as the last upgrade took)
"""

FAILED_RUN = """\
Upgrade shop: v1.0.0 → v1.1.0
  Run      20251120T113502-1a2b
  In       /srv/shop
  Started  2025-11-20 11:35
  Ended    2025-11-20 11:35, failed, rolled back

preflight
  – checks    Docker 26.1.5, 41 GiB free

prepare
  ✓ backup    2.4s
  ✓ checkout  100ms
  ✓ pull      12s

cutover
  ✗ migrate   migrate ended with 1
    │ 0007_workflows.sql
    │ ERROR: column "state" already exists
    all of its output: logs/migrate.log
    → docker logs shop-upgrader-1a2b-migrate

✗ Failed at the migrations, back on v1.0.0"""


def shown(plan: Plan, *, width: int = 80, color: bool = False) -> str:
    stream = io.StringIO()
    show_plan(plan, stream, width=width, color=color)
    return stream.getvalue()


def events() -> list[e.Event]:
    return [event for _, event in forward()]


def test_a_plan_as_text_and_as_shown_say_the_same() -> None:
    assert f"{samples.plan()}\n" == PLAN
    assert shown(samples.plan()) == PLAN


def test_a_narrow_plan_wraps_below_its_last_column() -> None:
    narrow = shown(samples.plan(), width=60)
    assert "  restore point  12.0 MiB needed  41.0 GiB free in\n" + " " * 34 + "/var/lib/upgrader\n" in narrow
    assert max(map(len, narrow.splitlines())) <= 60


def test_refusals_and_losses_come_first() -> None:
    text = str(samples.refused_plan())
    assert text.splitlines()[3:9] == [
        "Refused",
        "  ✗  Check out 9d1f0c2aa: v1.1.0 ships .env, which is yours",
        "     → mv .env .env.mine",
        "",
        "Lost by going back",
        "  app.orders  12 inserted, 3 updated, 1 deleted since  131 now, 120 then",
    ]
    assert "about 801 inserted since  " in text
    assert "9801 now, 9000 then; rows that were only updated cannot be told" in text
    assert lost(samples.refused_plan().losses) == "about 817 rows"
    assert text.endswith("\nRefused: nothing will be changed.")
    assert "\x1b[1;31mRefused\x1b[0m\n" in shown(samples.refused_plan(), color=True)


def test_a_plan_with_nothing_to_do_is_short() -> None:
    assert str(samples.plan(nothing=True, to_version="v1.0.0")).splitlines() == [
        "Upgrade shop: v1.0.0",
        "  in /srv/shop, playbook compose-git",
        "",
        "Nothing to do: the app already is as this version wants it.",
    ]


def test_long_sections_are_cut_with_the_number_of_the_rest() -> None:
    many = samples.plan(files=tuple(f"src/{n}.py" for n in range(30)))
    assert "30 changed files\n" in str(many)
    assert "  src/11.py\n  … and 18 more\n" in str(many)
    assert "  src/11.py\n  … and 18 more\n" in shown(many)


def test_no_downtime_is_said_as_such() -> None:
    assert str(samples.plan(downtime=0.0, downtime_why="")).endswith("Expected downtime: none")


def test_a_commit_subject_cannot_play_with_the_terminal() -> None:
    evil = samples.plan(commits=(("9d1f0c2aa111", "Fix\x1b[2J\x1b]0;owned\x07 it"),))
    assert "9d1f0c2aa  Fix it\n" in shown(evil)


def test_history_is_one_line_per_run() -> None:
    healed = samples.run(*events(), *(event for _, event in failed()[:2]), failed()[-1][1])
    cut_off = samples.run(*events())
    assert history_table([healed, cut_off]).splitlines() == [
        "RUN                   WHEN (UTC)        WHAT                           OUTCOME                   TOOK",
        "20251120T113502-1a2b  2025-11-20 11:35  Upgrade shop: v1.0.0 → v1.1.0  ✗ failed, rolled back     1m 40s",
        "20251120T113502-1a2b  2025-11-20 11:35  Upgrade shop: v1.0.0 → v1.1.0  • unfinished, in cutover",
    ]
    assert history_table([]) == "No runs yet."


def test_the_details_of_a_failed_run() -> None:
    run = samples.run(*events(), *(event for _, event in failed()[:2]), failed()[-1][1])
    assert run_details(run) == FAILED_RUN


def test_the_details_of_a_run_that_was_cut_off_name_the_ways_on() -> None:
    text = run_details(samples.run(*events(), e.Resumed(2)))
    assert "  Stands   unfinished, in cutover\n" in text
    assert text.endswith("  • migrate   2 to go\n\n→ upgrader resume, upgrader rollback or upgrader abandon")


def test_status_of_an_app_with_an_unfinished_run() -> None:
    assert status_screen(
        project="shop",
        directory="/srv/shop",
        version="v1.0.0",
        runs=[samples.run(*events())],
        restore_points=[samples.restore_point()],
    ).splitlines() == [
        "shop v1.0.0",
        "  in /srv/shop",
        "",
        "Last run   • Upgrade shop: v1.0.0 → v1.1.0: unfinished, in cutover",
        "           20251120T113502-1a2b, 2025-11-20 11:35 UTC",
        "Next       upgrader resume, upgrader rollback or upgrader abandon",
        "Ways back  v1.0.0, saved 2025-11-20 11:35 UTC, 8.0 MiB",
    ]


def test_status_while_somebody_works_names_him_and_not_the_way_on() -> None:
    screen = status_screen(
        project="shop", directory="/srv/shop", version="v1.0.0", runs=[samples.run(started())], holder="root, pid 71"
    )
    assert "Working now  root, pid 71\n" in screen
    assert "resume" not in screen


def test_status_of_an_app_that_never_was_upgraded() -> None:
    screen = status_screen(project="shop", directory="/srv/shop", version="")
    assert screen == "shop\n  in /srv/shop\n\nLast run   none yet\nWays back  none yet"
