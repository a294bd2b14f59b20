"""What CDK makes of the app, made again only when something it is made from has changed.

A synthesis takes a quarter of a minute, most of it Python and Node starting up. So each assembly is kept with the
hash of everything that went in, under ``build/``, one for each set of settings (``make run`` and the tests differ in
address and clock).
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local import commands
from infra.settings import ROOT

CDK = ROOT / "node_modules" / ".bin" / "cdk"

_ASSEMBLIES = ROOT / "build" / "local"
_SYNTHESIS_WITHIN = 600.0  # the first one also builds the layer

# What the app and its assets are made from. This package is not: it deploys what others describe.
_INPUTS = ("cdk.json", "uv.lock", "package-lock.json", "functions", "infra", "events")
_NO_INPUT = ("__pycache__", "built", "local")


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly on disk, and what names it: the hash of its templates, assets included."""

    folder: Path
    fingerprint: str

    def templates(self) -> Iterator[tuple[str, dict[str, dict[str, object]]]]:
        """Yield each stack's name with its resources, by logical id."""
        for file in sorted(self.folder.glob("*.template.json")):
            resources = json.loads(file.read_text(encoding="utf-8"))["Resources"]
            yield file.name.removesuffix(".template.json"), resources


def synthesised(settings: Mapping[str, str], *, environment: Mapping[str, str], log: Path) -> Assembly:
    """Return the assembly of stage ``local`` under these settings (CDK context, see `infra.settings`).

    Raises:
        CommandFailed: the app does not synthesise.
    """
    folder = _folder(settings)
    stamp = _stamp(folder)
    _ASSEMBLIES.mkdir(parents=True, exist_ok=True)
    with (_ASSEMBLIES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may start beside `make run`, and both build the layer
        inputs = _hash_of_inputs()
        if not _is_made_from(inputs, folder):
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            _synthesise(folder, settings, environment, log)
            stamp.write_text(inputs)
    return Assembly(folder, _hash_of_templates(folder))


def is_synthesised(settings: Mapping[str, str]) -> bool:
    """Tell whether `synthesised` has nothing left to do."""
    return _is_made_from(_hash_of_inputs(), _folder(settings))


def quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which CDK asks nobody anything: no notices, no telemetry, no version check."""
    return dict(environment) | {
        "CI": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "true",
        "NO_COLOR": "1",
    }


def _folder(settings: Mapping[str, str]) -> Path:
    # One a set of settings, so that only the newest assembly of each is kept.
    return _ASSEMBLIES / hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def _stamp(folder: Path) -> Path:
    return folder.with_suffix(".inputs")


def _is_made_from(inputs: str, folder: Path) -> bool:
    stamp = _stamp(folder)
    return stamp.exists() and stamp.read_text() == inputs and (folder / "manifest.json").exists()


def _synthesise(folder: Path, settings: Mapping[str, str], environment: Mapping[str, str], log: Path) -> None:
    context = [part for name, value in settings.items() for part in ("--context", f"{name}={value}")]
    commands.run(
        [str(CDK), "synth", "--quiet", "--no-notices", "--output", str(folder), "--context", "stage=local", *context],
        environment=quiet(environment),
        log=log,
        timeout=_SYNTHESIS_WITHIN,
    )


def _hash_of_inputs() -> str:
    digest = hashlib.sha256(f"{platform.machine()} {platform.python_version()}".encode())
    for file in _inputs():
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ROOT)} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    for name in _INPUTS:
        path = ROOT / name
        if path.is_file():
            yield path
        for folder, below, files in os.walk(path):
            below[:] = sorted(one for one in below if one not in _NO_INPUT)
            yield from (Path(folder, file) for file in sorted(files))


def _hash_of_templates(folder: Path) -> str:
    digest = hashlib.sha256()
    for pattern in ("*.template.json", "*.assets.json"):
        for file in sorted(folder.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()
