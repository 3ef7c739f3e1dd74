"""The vocabulary of playbooks: `KINDS` is the whole of it, what `uses:` names on the left."""

from upgrader.steps.backup import Backup
from upgrader.steps.base import StepModel
from upgrader.steps.canary import Canary
from upgrader.steps.compose_up import ComposeUp
from upgrader.steps.database import DatabaseCopy, DatabaseStage, DatabaseStart, DatabaseSwap
from upgrader.steps.env_reconcile import EnvReconcile, EnvRestore
from upgrader.steps.finish import Command, Confirm, Evidence, PointVerify
from upgrader.steps.git_checkout import GitCheckout, GitRestore
from upgrader.steps.health import Health
from upgrader.steps.images import ComposeBuild, ComposePull, ImagesRestore
from upgrader.steps.installed import Installed
from upgrader.steps.migrate import Migrate
from upgrader.steps.offsite import CopyAway
from upgrader.steps.preflight import Checkout, Databases, Disk, Host, StackCheck, Target
from upgrader.steps.proof import Proof
from upgrader.steps.rebuild import ImagesRebuild
from upgrader.steps.rehearse import Rehearse
from upgrader.steps.restore import Fits, WritersStart
from upgrader.steps.retention import Retain
from upgrader.steps.volumes_back import VolumesStage, VolumesSwap
from upgrader.steps.writers import WritersStop

KINDS: dict[str, type[StepModel]] = {
    "preflight.host": Host,
    "preflight.checkout": Checkout,
    "preflight.stack": StackCheck,
    "preflight.databases": Databases,
    "preflight.target": Target,
    "preflight.disk": Disk,
    "backup": Backup,
    "proof": Proof,
    "copy.away": CopyAway,
    "retention": Retain,
    "git.checkout": GitCheckout,
    "env.reconcile": EnvReconcile,
    "compose.pull": ComposePull,
    "compose.build": ComposeBuild,
    "rehearse": Rehearse,
    "writers.stop": WritersStop,
    "writers.start": WritersStart,
    "database.copy": DatabaseCopy,
    "migrate": Migrate,
    "migrations.installed": Installed,
    "compose.up": ComposeUp,
    "health": Health,
    "canary": Canary,
    "confirm": Confirm,
    "restorepoint.verify": PointVerify,
    "restorepoint.fits": Fits,
    "evidence": Evidence,
    "database.start": DatabaseStart,
    "database.stage": DatabaseStage,
    "database.swap": DatabaseSwap,
    "volumes.stage": VolumesStage,
    "volumes.swap": VolumesSwap,
    "git.restore": GitRestore,
    "env.restore": EnvRestore,
    "images.rebuild": ImagesRebuild,
    "images.restore": ImagesRestore,
    "command": Command,
}
