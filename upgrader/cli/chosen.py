"""What was said before or after the command's name; free of typer, so that `status` can start fast."""

from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.errors import UsageError

MODES = ("auto", "live", "plain", "json", "quiet")


@dataclass(frozen=True)
class Common:
    """What was said before or after the command's name; after it wins."""

    directory: Path | None = None
    project: str = ""
    playbook: str = ""
    output: str = "auto"
    trust: str = ""

    def override(
        self,
        *,
        directory: Path | None = None,
        project: str = "",
        playbook: str = "",
        output: str = "auto",
        trust: str = "",
    ) -> "Common":
        """These options with those given after the command's name laid over them."""
        given = {"directory": directory, "project": project, "playbook": playbook, "trust": trust}
        values = {name: value for name, value in given.items() if value}
        if output != "auto":
            values["output"] = output
        return replace(self, **values)  # type: ignore[arg-type]

    @property
    def path(self) -> Path:
        """The app's directory; raises UsageError when it is none."""
        path = self.directory or Path.cwd()
        if not path.is_dir():
            raise UsageError(f"{path} is not a directory", "upgrader -C DIRECTORY …")
        return path.resolve()
