"""MiniStack: installed once, started on loopback, stopped with everything it started."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypedDict

import boto3
from botocore.config import Config

from infra.local.folder import Folder
from infra.settings import ROOT

VERSION = "1.5.33"
# The design's facts about MiniStack were measured on this version, and `emulator_process` mends its files.
REQUIREMENTS = (f"ministack=={VERSION}", "boto3==1.43.106", "cryptography==50.0.2")

ACCOUNT = "000000000000"
REGION: Final = "eu-west-1"
USUAL_PORT = 4566

_VENV = ROOT / ".tools" / f"ministack-{VERSION}"
_STARTS_WITHIN = 60.0
_STOPS_WITHIN = 30.0


class EmulatorFailed(Exception):
    """MiniStack could not be installed, or did not come up."""


class Connection(TypedDict):
    """What every client of the emulator is made with."""

    endpoint_url: str
    config: Config


class Emulator:
    """A MiniStack that runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    @cached_property
    def session(self) -> boto3.Session:
        """A session with credentials that open nothing anywhere else."""
        return boto3.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
            region_name=REGION,
        )

    @property
    def connection(self) -> Connection:
        """How to reach it: ``emulator.session.client("sqs", **emulator.connection)``."""
        # Functions start cold within the read time; a caller who wants fewer tries says so on its own client.
        config = Config(connect_timeout=2, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
        return Connection(endpoint_url=self.endpoint, config=config)

    def untyped(self, service: str) -> Any:  # noqa: ANN401  boto3-stubs here has types for what functions use only
        """Return a client of a service that only deploying needs."""
        return self.session.client(service, **self.connection)  # type: ignore[call-overload]

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which a program sees this emulator and no AWS account of whoever runs it."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def is_installed() -> bool:
    """Tell whether `install` has nothing left to do."""
    stamp = _VENV / "installed"
    return stamp.exists() and stamp.read_text() == " ".join(REQUIREMENTS)


def install() -> None:
    """Put MiniStack into its own environment, once: functions share its interpreter, and nothing of ours.

    Raises:
        EmulatorFailed: with what the installer said.
    """
    _VENV.parent.mkdir(exist_ok=True)
    with (_VENV.parent / "ministack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed():
            return
        shutil.rmtree(_VENV, ignore_errors=True)
        uv = shutil.which("uv", path=f"{ROOT / '.tools' / 'uv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
        if uv:
            _install_with(uv, "venv", "--quiet", "--python", sys.executable, str(_VENV))
            _install_with(uv, "pip", "install", "--quiet", "--python", str(_python()), *REQUIREMENTS)
        else:
            _install_with(sys.executable, "-m", "venv", str(_VENV))
            _install_with(str(_python()), "-m", "pip", "install", "--quiet", *REQUIREMENTS)
        (_VENV / "installed").write_text(" ".join(REQUIREMENTS))


def free_port(preferred: int | None = None) -> int:
    """Return a loopback port that nobody uses: the preferred one if that is so."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmulatorFailed("no loopback port is free")


@contextmanager
def running(
    folder: Folder, *, port: int, for_functions: Mapping[str, str] | None = None, keep: bool = True
) -> Iterator[Emulator]:
    """Start MiniStack on the folder's state, and stop it with its workers at the end.

    Args:
        folder: where its state is; the caller has claimed it.
        port: a free one on loopback.
        for_functions: variables that the functions get beside their own.
        keep: write the state down at the end. A throw-away stack need not.

    Raises:
        EmulatorFailed: it did not answer in time; the message has the end of its log.
    """
    emulator = Emulator(port)
    with folder.emulator_log.open("ab") as log:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we decide in what order things stop.
        process = subprocess.Popen(
            [str(_python()), "-I", str(Path(__file__).with_name("emulator_process.py"))],
            cwd=folder.path,
            env=_environment(folder, port, keep) | dict(for_functions or {}),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_up(emulator, process, folder)
            yield emulator
        finally:
            _stop(process, patient=keep)


def _python() -> Path:
    return _VENV / "bin" / "python"


def _install_with(*command: str) -> None:
    own = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise EmulatorFailed(f"MiniStack could not be installed:\n{done.stderr.strip() or done.stdout.strip()}")


def _environment(folder: Folder, port: int, keep: bool) -> dict[str, str]:
    # Nothing of ours but the path goes in: what is here, every function inherits.
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder.scratch),
        "TMPDIR": str(folder.scratch),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # else it opens port 8883 on all interfaces
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1" if keep else "0",
        "STATE_DIR": str(folder.emulator_state),
        "S3_PERSIST": "1" if keep else "0",
        "S3_DATA_DIR": str(folder.objects),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LAMBDA_WARM_TTL_SECONDS": "120",  # of what a rush started beyond the first of each function
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _wait_until_up(emulator: Emulator, process: subprocess.Popen[bytes], folder: Folder) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{emulator.endpoint}/_ministack/health", timeout=1):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    tail = folder.emulator_log.read_text(errors="replace").splitlines()[-15:]
    raise EmulatorFailed("\n".join(["MiniStack did not start. The end of its log:", *tail]))


def _stop(process: subprocess.Popen[bytes], *, patient: bool) -> None:
    if process.stdin:
        process.stdin.close()  # see `emulator_process`: what runs may finish, and is saved
    if not patient:
        process.terminate()
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # Functions run in processes of their own, which outlive MiniStack by a moment.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
