"""A signal while only looking ends the command at once."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from upgrader.demo.host import Installation


@pytest.mark.docker
def test_a_signal_while_a_hanging_remote_is_asked_stops_at_once_and_changes_nothing(
    app: Installation, tmp_path: Path
) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\necho began > " + str(tmp_path / "began") + "\nexec sleep 300\n")
    hangs.chmod(0o755)
    git = ["git", "-C", str(app.path)]
    subprocess.run([*git, "config", "remote.origin.url", "ssh://nowhere.invalid/app"], check=True)
    subprocess.run([*git, "config", "core.sshCommand", str(hangs)], check=True)
    before = app.env_file.read_bytes()
    command = [sys.executable, "-m", "upgrader", "-C", str(app.path), "upgrade", "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline, "git never asked the remote"
        assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "nothing was changed" in err
    assert (app.env_file.read_bytes(), app.version()) == (before, "1.0.0")
