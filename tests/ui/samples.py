"""Plans, runs and restore points to report on."""

from upgrader.model import events as e
from upgrader.model.manifest import RestorePoint, SavedDatabase, SavedFile
from upgrader.model.plan import DiskNeed, EnvChange, ImageChange, Loss, Plan, PlannedStep
from upgrader.model.run import Record, Run

MIB = 1 << 20


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "kind": "upgrade",
        "project": "shop",
        "directory": "/srv/shop",
        "playbook": "compose-git",
        "from_version": "v1.0.0",
        "from_commit": "1a2b3c4d5e6f",
        "to_version": "v1.1.0",
        "to_commit": "9d1f0c2aa111",
        "steps": (
            PlannedStep("checks", "preflight", "Check the ground", "satisfied", "Docker 26.1.5"),
            PlannedStep("backup", "prepare", "Back up the databases", "needed", "1 database, 7.8 MiB"),
            PlannedStep("checkout", "prepare", "Check out 9d1f0c2aa", "needed", "2 commits to go"),
            PlannedStep("migrate", "cutover", "Run the migrations", "needed", "2 to go"),
        ),
        "commits": (("9d1f0c2aa111", "Let people share a workflow"), ("77aa00112233", "Add workflows")),
        "files": ("compose.yaml", "migrations/0007_workflows.sql"),
        "env": (
            EnvChange("WORKFLOW_SECRET_KEY", "generate", "compose.yaml requires it", "***"),
            EnvChange("WORKFLOW_LIMIT", "set", "new in the example", "20"),
        ),
        "images": (ImageChange("web", "shop-web:1.0.0", "shop-web:1.1.0", "build"),),
        "migrations": ("0007_workflows.sql", "0008_shares.sql"),
        "migration_mode": "while the old version serves",
        "recreate": {"web": "its image changes", "worker": "its environment changes"},
        "databases": ("app: Postgres 16.14, 7.8 MiB",),
        "disk": (DiskNeed("/var/lib/upgrader", "restore point", 12 * MIB, 41 << 30),),
        "downtime": 3.2,
        "downtime_why": "as the last upgrade took",
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]  # a dictionary of keyword arguments


def refused_plan() -> Plan:
    step = PlannedStep(
        "checkout",
        "prepare",
        "Check out 9d1f0c2aa",
        "refused",
        "v1.1.0 ships .env, which is yours",
        "mv .env .env.mine",
    )
    losses = (
        Loss("app", "orders", 120, 131, inserted=12, updated=3, deleted=1),
        Loss("app", "visits", 9000, 9801, exact=False, inserted=801, how="counts"),
    )
    return plan(steps=(step,), losses=losses)


def run(*events: e.Event, at: str = "2025-11-20T11:35:02.123Z") -> Run:
    return Run.replay(Record(seq, at, event) for seq, event in enumerate(events, 1))


def restore_point() -> RestorePoint:
    dump = SavedFile("app.dump", "5f0c", 7 * MIB)
    database = SavedDatabase("app", "db", "app", "app", "16.14", "dump", (dump,))
    return RestorePoint(
        id="20251120T113502-1a2b",
        run="20251120T113502-1a2b",
        project="shop",
        directory="/srv/shop",
        created_at="2025-11-20T11:35:09Z",
        tool="0.1.0",
        commit="1a2b3c4d5e6f",
        branch="main",
        version="v1.0.0",
        databases=(database,),
        files=(SavedFile("env", "77", MIB, ".env"),),
    )
