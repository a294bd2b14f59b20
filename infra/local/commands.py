"""Running somebody else's program so that it never outlives us, and says something only when it fails."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.settings import ROOT


class CommandFailed(Exception):
    """A program we depend on failed; the message has the end of what it printed."""


def run(command: Sequence[str], *, environment: Mapping[str, str], log: Path, timeout: float) -> None:
    """Run a program in the project's folder, with its output at the end of a log.

    Raises:
        CommandFailed: it answered something else than 0, or took longer than ``timeout`` seconds.
    """
    with log.open("ab") as output:
        start = output.tell()
        # A session of its own, so that stopping it stops what it started too: npx, node and Python are a chain.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except BaseException as interruption:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(interruption, subprocess.TimeoutExpired):
                raise CommandFailed(f"{Path(command[0]).name} took longer than {timeout:.0f} s") from None
            raise
    if code:
        said = log.read_bytes()[start:].decode(errors="replace").strip().splitlines()
        raise CommandFailed("\n".join([f"{Path(command[0]).name} failed. The end of what it said:", *said[-25:]]))
