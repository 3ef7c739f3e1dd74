"""A commit's files somewhere else: the whole tree written out, and whether this machine can check it out at all."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from upgrader.tools.git_edits import Edits
from upgrader.tools.git_repository import joined


@dataclass(frozen=True)
class Problem:
    """A reason not to go to a commit, and what to do about it."""

    message: str
    hint: str


class Export(Edits):
    """Looks into commits beyond the one that is checked out."""

    def export(self, commit: str, directory: Path) -> None:
        """Write the commit's files to a directory, submodules included as far as their commits are here.

        The live checkout is not touched, and the directory holds nothing of git's. StepError when git cannot.
        """
        directory.mkdir(parents=True, exist_ok=True)
        if self.identity.owner is None:
            self._export(self.git_dir, self.common_dir / "modules", commit, directory.resolve())
            return
        # the owner, as whom git runs, may not write where our runs are kept
        with self.scratch() as place:
            self._export(self.git_dir, self.common_dir / "modules", commit, place)
            shutil.copytree(place, directory, symlinks=True, dirs_exist_ok=True)

    def preflight_target(self, commit: str) -> list[Problem]:
        """What would make a checkout of the commit fail or, worse, succeed with the wrong content."""
        return [*self._filter_problems(commit), *self._submodule_problems(commit)]

    def _export(self, git_dir: Path, modules: Path, commit: str, directory: Path) -> None:
        with self.scratch() as place:
            env = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(directory), "GIT_INDEX_FILE": str(place / "index")}
            self.run("read-tree", "--no-sparse-checkout", commit, env=env)
            self.run("checkout-index", "--all", "--force", "--quiet", env=env, cwd=directory)
            entries = self.fields("ls-files", "--stage", "-z", env=env)
            names = self._submodule_names(commit, env)
        for about, _, path in (entry.partition("\t") for entry in entries):
            mode, wanted, _ = about.split(" ")
            module = modules / names.get(path, path)
            if mode == "160000" and (module / "HEAD").exists() and self._holds(module, wanted):
                (directory / path).mkdir(parents=True, exist_ok=True)
                self.give(directory / path)
                self._export(module, module / "modules", wanted, directory / path)

    def _holds(self, git_dir: Path, commit: str) -> bool:
        return self.git("cat-file", "-e", f"{commit}^{{commit}}", env={"GIT_DIR": str(git_dir)}).ok

    def _submodule_names(self, commit: str, env: dict[str, str] | None = None) -> dict[str, str]:
        """The submodules that the commit's .gitmodules describes: path and name."""
        key = ("--get-regexp", r"^submodule\..*\.path$")
        result = self.git("config", f"--blob={commit}:.gitmodules", *key, env=env)
        pairs = (line.partition(" ") for line in result.out.splitlines())
        return {path: name.removeprefix("submodule.").removesuffix(".path") for name, _, path in pairs}

    def _submodule_problems(self, commit: str) -> list[Problem]:
        described = self._submodule_names(commit)
        if self.read(commit, ".gitmodules") is None:
            return []
        return [
            Problem(
                f"The new version has a submodule at {path} whose address is missing", "Tell the vendor: .gitmodules"
            )
            for path in self.submodules(commit)
            if path not in described
        ]

    def _filter_problems(self, commit: str) -> list[Problem]:
        problems = []
        used_now = self._filters("HEAD")
        for name, path in self._filters(commit).items():
            is_set_up = bool(self.setting(f"filter.{name}.process") or self.setting(f"filter.{name}.smudge"))
            if name == "lfs":
                if not self.git("lfs", "version").ok:
                    message = f"The new version keeps {path} in Git LFS, and git-lfs is not installed"
                    problems.append(Problem(message, "apt-get install git-lfs && git lfs install"))
                elif not is_set_up:
                    message = f"The new version keeps {path} in Git LFS, which is not set up here"
                    problems.append(Problem(message, self.by_hand("lfs", "install", "--local")))
            elif not is_set_up and name not in used_now:
                message = f"The new version passes {path} through the filter {name}, which is not set up here"
                problems.append(Problem(message, self.by_hand("config", f"filter.{name}.smudge", "COMMAND")))
        return problems

    def _filters(self, commit: str) -> dict[str, str]:
        """The content filters that the commit's attributes ask for, each with a file that it applies to."""
        paths = self.list_files(commit)
        if not any(path.rpartition("/")[2] == ".gitattributes" for path in paths):
            return {}
        with self.index_of(commit) as env:
            parts = iter(self.fields("check-attr", "--cached", "-z", "--stdin", "filter", stdin=joined(paths), env=env))
            found: dict[str, str] = {}
            for path, _, name in zip(parts, parts, parts, strict=True):
                if name not in ("unspecified", "set", "unset"):
                    found.setdefault(name, path)
        return found
