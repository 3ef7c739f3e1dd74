"""A remote, its author, and an operator's checkout of it: real git, in a directory of the test's own."""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from upgrader.tools.git import Git
from upgrader.tools.shell import Shell

CONFIG = """[user]
    name = Author
    email = author@example.com
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
[advice]
    detachedHead = false
"""


@dataclass(frozen=True)
class World:
    """`remote` is bare, `author` commits and pushes, `app` is what the operator runs."""

    root: Path

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def author(self) -> Path:
        return self.root / "author"

    @property
    def app(self) -> Path:
        return self.root / "app"

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "LC_ALL": "C.UTF-8"}

    @property
    def git(self) -> Git:
        return Git(self.shell, self.app)

    @property
    def shell(self) -> Shell:
        return Shell(environ=self.environ)

    def run(self, *args: str, cwd: Path | None = None, ok: bool = True) -> str:
        """git, by hand, in the operator's checkout."""
        done = subprocess.run(["git", *args], cwd=cwd or self.app, env=self.environ, capture_output=True, text=True)
        assert done.returncode == 0 or not ok, done.stderr
        return done.stdout.strip()

    def commit(
        self, files: Mapping[str, str | bytes | None], *, tag: str = "", at: Path | None = None, branch: str = ""
    ) -> str:
        """Write and commit files (None removes one), tag and push; returns the commit."""
        place = at or self.author
        for name, content in files.items():
            path = place / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.run("add", "--all", "--force", cwd=place)
        self.run("commit", "--quiet", "--allow-empty", "-m", f"Ship {tag or 'more'}", cwd=place)
        if tag:
            self.run("tag", tag, cwd=place)
        if place == self.author:
            self.push(branch)
        return self.run("rev-parse", "HEAD", cwd=place)

    def push(self, branch: str = "") -> None:
        self.run("push", "--quiet", "--force", "origin", branch or "HEAD", cwd=self.author)
        self.run("push", "--quiet", "--force", "--tags", "origin", cwd=self.author)

    def write(self, name: str, content: str) -> Path:
        """A file of the operator's."""
        path = self.app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def text(self, name: str) -> str:
        return (self.app / name).read_text(encoding="utf-8")

    def refs(self) -> dict[str, str]:
        """Every ref of the checkout, except upgrader's own."""
        lines = self.run("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines if not line.startswith("refs/upgrader/"))


FIRST = {
    "compose.yaml": "services: {}\n",
    "app.txt": "".join(f"line {number}\n" for number in range(1, 21)),
    "other.txt": "other\n",
    ".gitignore": ".env\ndata/\n",
}


def build(root: Path) -> World:
    """`v1.0.0` at the remote and checked out, on `main`; `v1.1.0` at the remote only."""
    shutil.copytree(_template(), root, symlinks=True, dirs_exist_ok=True)
    return World(root)


@cache
def _template() -> Path:
    root = Path(tempfile.mkdtemp(prefix="upgrader-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    world = World(root)
    (root / "home").mkdir()
    (root / "home" / ".gitconfig").write_text(CONFIG, encoding="utf-8")
    world.run("init", "--quiet", "--bare", str(world.remote), cwd=root)
    world.run("init", "--quiet", str(world.author), cwd=root)
    # relative, so that copies of all this have remotes of their own
    world.run("remote", "add", "origin", "../remote.git", cwd=world.author)
    world.commit(FIRST, tag="v1.0.0")
    world.run("clone", "--quiet", str(world.remote), str(world.app), cwd=root)
    world.run("remote", "set-url", "origin", "../remote.git")
    world.commit({"compose.yaml": "services: {web: {}}\n", "app.txt": FIRST["app.txt"] + "line 21\n"}, tag="v1.1.0")
    return root
