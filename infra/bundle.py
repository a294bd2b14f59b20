"""What goes into Lambda, built with ``uv`` and no Docker: one dependency layer a platform, and one code asset.

Run ``python -m infra.bundle [aarch64|x86_64 …]``. Everything is compiled beforehand, with hashes that nobody
checks at run time (PEP 552 ``unchecked-hash``): Lambda's file system is read-only, and without ``.pyc`` files
the same imports cost five times as much. Sources stay beside them for tracebacks.

A part is built again only when what it is made from changed, and its fingerprint (which names the asset) is
that of its inputs: an unchanged tree gives an unchanged assembly on every machine.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import assets
from infra.settings import ROOT, Architecture

BUILD = ROOT / "build"
FUNCTIONS = ROOT / "functions"
PYTHON_VERSION = "3.13"

# manylinux2014 runs on Amazon Linux 2023, and every wheel with native code that we need is made for it.
PLATFORMS: dict[Architecture, str] = {"aarch64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}

# botocore describes 400 services in 100 MB. These are what functions call, and what credentials come from.
SERVICES = frozenset(
    {
        "cognito-idp",
        "dynamodb",
        "events",
        "s3",
        "scheduler",
        "secretsmanager",
        "sesv2",
        "sqs",
        "sso",
        "sso-oidc",
        "sts",
    }
)

# What no import at run time reads. Package metadata (*.dist-info/METADATA, entry_points.txt) stays: pydantic
# and others ask importlib.metadata for it.
_NEEDLESS_FOLDERS = ("tests", "test", "testing", "docs", "examples", "__pycache__", "bin", "licenses", "sboms")
_NEEDLESS_FILES = ("*.pyi", "*.c", "*.h", "*.pyx", "*.a", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_PACKAGES_WITH_TESTS = ("icalendar", "dateutil", "dns", "mjml", "jmespath", "s3transfer", "pynamodb")

_FUNCTION_SUFFIXES = frozenset({".py", ".html", ".txt", ".mjml", ".ics", ".xml", ".json", ".jinja", ".j2"})


@dataclass(frozen=True)
class Part:
    """A folder that becomes an asset, and the fingerprint of what it was made from."""

    folder: Path
    fingerprint: str


def machine() -> Architecture:
    """Return this machine's architecture, as Lambda's names for them go."""
    name = platform.machine().lower()
    if name in {"aarch64", "arm64"}:
        return "aarch64"
    if name in {"x86_64", "amd64"}:
        return "x86_64"
    raise RuntimeError(f"no Lambda architecture for a machine of kind {name}")


def layer(architecture: Architecture) -> Part:
    """Build the layer of what ``uv.lock`` has for run time, for one architecture."""
    requirements = _requirements()
    folder = BUILD / f"layer-{architecture}"
    part = Part(folder, _fingerprint([requirements.encode(), PLATFORMS[architecture].encode(), _this_file()]))
    with _one_at_a_time():
        if not _is_built(part):
            _install(requirements, architecture, folder / "python")
            _prune(folder / "python")
            _compile(folder, as_if_in="/opt")
            _mark_built(part)
    return part


def code() -> Part:
    """Build the code asset: ``functions/`` with its templates and the built front-end assets."""
    with _one_at_a_time():
        assets.build_assets()
        sources = sorted(path for path in FUNCTIONS.rglob("*") if path.is_file() and _belongs(path))
        folder = BUILD / "code"
        part = Part(folder, _fingerprint(_named_contents(sources)))
        if not _is_built(part):
            _copy(sources, folder)
            _compile_templates(folder / "_templates")
            _compile(folder, as_if_in="/var/task")
            _mark_built(part)
    return part


def _copy(sources: Iterable[Path], folder: Path) -> None:
    _start_afresh(folder)
    for source in sources:
        target = folder / source.relative_to(FUNCTIONS)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _compile_templates(target: Path) -> None:
    """Turn the templates into modules: parsing them is most of what a function's first page would cost."""
    program = "import sys, pathlib, kernel.pages; kernel.pages.compile_templates(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": str(FUNCTIONS)}
    subprocess.run([sys.executable, "-c", program, str(target)], env=environment, check=True, timeout=120)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for whoever else builds: tests may start beside `make run`."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _belongs(path: Path) -> bool:
    inside = path.relative_to(FUNCTIONS)
    if "__pycache__" in inside.parts:
        return False
    if "assets" in inside.parts:  # browsers get what was built, not what it was built from
        return "built" in inside.parts or path.suffix == ".py"
    return path.suffix in _FUNCTION_SUFFIXES


def _named_contents(paths: Iterable[Path]) -> Iterable[bytes]:
    yield _this_file()
    for path in paths:
        yield str(path.relative_to(FUNCTIONS)).encode()
        yield path.read_bytes()


def _this_file() -> bytes:
    return Path(__file__).read_bytes() + PYTHON_VERSION.encode()


def _fingerprint(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8) + piece)
    return digest.hexdigest()


def _stamp(part: Part) -> Path:
    return part.folder.with_name(part.folder.name + ".stamp")


def _is_built(part: Part) -> bool:
    stamp = _stamp(part)
    return part.folder.is_dir() and stamp.is_file() and stamp.read_text() == part.fingerprint


def _mark_built(part: Part) -> None:
    _stamp(part).write_text(part.fingerprint)


def _start_afresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _uv() -> str:
    """Find uv: the one `make` put into .tools, else the one on the path."""
    own = ROOT / ".tools" / "uv" / "bin" / "uv"
    found = str(own) if own.is_file() else shutil.which("uv")
    if found is None:
        raise RuntimeError("uv is missing: run `make build`, which installs it into .tools/")
    return found


def _run_uv(*arguments: str) -> str:
    # uv would take the interpreter of an active virtual environment for the place to install to.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(
        [_uv(), *arguments], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=600
    ).stdout


def _requirements() -> str:
    """Return the locked run-time dependencies with their hashes."""
    return _run_uv(
        "export", "--quiet", "--locked", "--no-default-groups", "--no-emit-project", "--no-header", "--no-annotate"
    )


def _install(requirements: str, architecture: Architecture, target: Path) -> None:
    _start_afresh(target)
    listed = BUILD / f"requirements-{architecture}.txt"
    listed.write_text(requirements)
    _run_uv(
        *("pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--link-mode", "copy"),
        *("--python", sys.executable, "--python-platform", PLATFORMS[architecture]),
        *("--python-version", PYTHON_VERSION, "--target", str(target), "--requirement", str(listed)),
    )


def _prune(target: Path) -> None:
    _keep_services(target / "botocore" / "data")
    _keep_services(target / "boto3" / "data")
    for folder in sorted(target.rglob("*"), reverse=True):
        if folder.is_dir() and folder.name in _NEEDLESS_FOLDERS and _is_needless(folder, target):
            shutil.rmtree(folder)
    for pattern in _NEEDLESS_FILES:
        for file in target.rglob(pattern):
            file.unlink()
    (target / ".lock").unlink(missing_ok=True)


def _is_needless(folder: Path, target: Path) -> bool:
    inside = folder.relative_to(target)
    top = inside.parts[0]
    if folder.name in {"__pycache__", "bin"} or top.endswith(".dist-info"):
        return folder.name == "__pycache__" or len(inside.parts) == 1 or top.endswith(".dist-info")
    return top in _PACKAGES_WITH_TESTS


def _keep_services(data: Path) -> None:
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in SERVICES:
            shutil.rmtree(entry)
    for examples in data.rglob("examples-1.json*"):
        examples.unlink()


def _compile(folder: Path, as_if_in: str) -> None:
    """Compile everything, with the paths that tracebacks will have in Lambda and not those of this machine."""
    subprocess.run(
        [
            *(sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", as_if_in, str(folder)),
        ],
        # Constant sets are written in the order of their hashes: with this seed it is the same on every machine.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=True,
        timeout=600,
    )


def main(architectures: list[str]) -> int:
    """Build the code, and the layer of each architecture named (of this machine if none is)."""
    wanted = [name for name in PLATFORMS if name in architectures] or [machine()]
    for part in (code(), *(layer(name) for name in wanted)):
        size = sum(path.stat().st_size for path in part.folder.rglob("*") if path.is_file())
        print(f"{part.folder.relative_to(ROOT)}: {size / 1e6:.1f} MB, {part.fingerprint[:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
