"""What is said while a dump goes on."""

from pathlib import Path

from tests.tools.postgres_world import eventually
from upgrader.tools.postgres_progress import Progress, of_dump, of_file
from upgrader.tools.shell import Command, Shell

MIB = 1 << 20


def test_said_less_and_less_often(tmp_path: Path) -> None:
    said: list[str] = []
    progress = Progress("app", lambda: (100 * MIB, 0.25), said.append)
    ticks = 0

    def cancel() -> bool:
        nonlocal ticks
        ticks += 1
        return False

    progress._started -= 6  # it began six seconds ago
    shell = progress.watching(Shell(tick=cancel))
    shell.run(Command(("sleep", "0.5")))
    assert len(said) == 1
    assert said[0].startswith("app: 100.0 MiB in 6.")
    assert "MiB/s, about 1" in said[0]  # three times as long again
    assert ticks > 1
    progress._started -= 11
    eventually(lambda: shell.tick is not None and not shell.tick() and len(said) == 2)
    assert said[1].startswith("app: 100.0 MiB in 1")


def test_the_share_of_a_dump(tmp_path: Path) -> None:
    archive, log = tmp_path / "app.dump", tmp_path / "log"
    tables = {"big": 80 * MIB, "small": 20 * MIB}
    look = of_dump(archive, log, tables)
    archive.mkdir()
    assert look() == (0, 0.0)
    (archive / "1.dat.zst").write_bytes(bytes(5 * MIB))
    log.write_text("pg_dump: dumping contents of table x\npg_dump: finished item 1 TABLE DATA small\n")
    assert look() == (5 * MIB, 0.2)
    (archive / "2.dat.zst").write_bytes(bytes(10 * MIB))
    done, share = look()
    assert (done, round(share, 2)) == (15 * MIB, 0.6)  # as tightly packed as the first
    (archive / "2.dat.zst").write_bytes(bytes(60 * MIB))
    assert look()[1] == 1.0


def test_the_share_of_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "app.dump"
    look = of_file(path, 100 * MIB)
    assert look() == (0, 0.0)
    path.write_bytes(bytes(15 * MIB))
    assert look() == (15 * MIB, 0.5)
    assert of_file(path, 0)() == (15 * MIB, 0.0)
