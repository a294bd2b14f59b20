"""Where a local stack keeps what it must not forget, and who may use it: one stack at a time."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.settings import ROOT


class AlreadyRunning(Exception):
    """Somebody runs a stack from this folder."""


@dataclass(frozen=True)
class Folder:
    """One stack's state: everything it wrote is under `path`, and deleting that forgets it."""

    path: Path

    @property
    def emulator_state(self) -> Path:
        """MiniStack's own files: written when it stops, read when it starts."""
        return self.path / "emulator"

    @property
    def objects(self) -> Path:
        """What is in S3."""
        return self.path / "s3"

    @property
    def scratch(self) -> Path:
        """Unpacked functions and layers. Emptied at each start, since a killed emulator leaves its own behind."""
        return self.path / "scratch"

    @property
    def mail(self) -> Path:
        """Every email sent, one file each. MiniStack forgets them when it stops."""
        return self.path / "mail"

    @property
    def clock(self) -> Path:
        """How far ahead the clock is (`kernel.clock`)."""
        return self.path / "clock"

    @property
    def emulator_log(self) -> Path:
        """What MiniStack and the functions print. Nothing of it goes to the terminal."""
        return self.path / "emulator.log"

    @property
    def deployment_log(self) -> Path:
        """What CDK prints, should a deployment fail."""
        return self.path / "deployment.log"

    @property
    def running(self) -> Path:
        """Who runs a stack from here: locked while somebody does, so a killed process leaves no claim behind."""
        return self.path / "running.json"

    def forget(self) -> None:
        """Delete everything but the claim on the folder."""
        for entry in self.path.iterdir():
            if entry == self.running:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


@dataclass(frozen=True, kw_only=True)
class Running:
    """What others need to know about a stack that runs: ``advance`` is another process.

    Attributes:
        pid: of the process to stop.
        base_url: where the service answers.
        emulator_port: where MiniStack answers, on loopback.
    """

    pid: int
    base_url: str
    emulator_port: int


def default() -> Folder:
    """Return the folder of ``make run``: ``.local`` beside the Makefile, which ``make clean`` deletes."""
    return Folder(Path(os.environ.get("LOCAL_STATE") or ROOT / ".local").resolve())


@contextmanager
def claimed(folder: Folder) -> Iterator[None]:
    """Hold the folder while a stack runs from it.

    Raises:
        AlreadyRunning: saying by whom and where.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.running.open("a+", encoding="utf-8") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_who(folder)) from None
        claim.truncate(0)
        try:
            yield
        finally:
            claim.truncate(0)


def announce(folder: Folder, running: Running) -> None:
    """Write down, for whoever asks, that the claimed folder's stack runs, and where."""
    folder.running.write_text(json.dumps(asdict(running)), encoding="utf-8")


def running_from(folder: Folder) -> Running | None:
    """Return where the folder's stack runs, or None when it does not (or not yet)."""
    try:
        with folder.running.open(encoding="utf-8") as claim:
            try:
                fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = claim.read()
                return Running(**json.loads(text)) if text else None
    except FileNotFoundError:
        pass
    return None


def _who(folder: Folder) -> str:
    running = running_from(folder)
    if running is None:
        return f"A stack is being started or stopped from {folder.path.name}/ already. Try again in a moment."
    return (
        f"It runs already, at {running.base_url} (process {running.pid}). "
        "Stop that one first, or run a second one with LOCAL_STATE=.local-2 PORT=8001."
    )
