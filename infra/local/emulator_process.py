"""Run MiniStack as a child that cannot outlive its parent, with what it saved and some of what it does mended.

Executed by MiniStack's own interpreter, alone (``-I``), from `emulator`; it imports nothing of this project. The
parent holds the other end of standard input. When that closes, be it that the parent was killed, functions that
run may finish and what follows from them may happen; then MiniStack gets the SIGTERM upon which alone it saves.

Faults of MiniStack 1.5.33 mended here, each where it is mended:
- It saves how far each mapping has read a table's stream but not the stream, and then skips as many new records.
- It files queues under an address with its port in it, and after a start on another port no mapping finds its queue.
- A rule calls its function once and forgets it: what fails is neither repeated nor put into a dead-letter queue.
- It starts a process for every call that finds none free, all at once, and each unpacks the layer (2,900 files) anew:
  thirty emails to send kept two cores busy for half a minute.
"""

import contextvars
import fcntl
import hashlib
import importlib
import json
import os
import runpy
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# Mappings look at their sources every second, so when no function has run for longer, nothing is on its way.
_STILL_AFTER = 1.5
_PATIENCE = 15.0
# Functions at once, the HTTP API's included; a call beyond that waits.
_LANES = 4 * (os.cpu_count() or 1)


class Functions:
    """What runs in functions: a bounded number at once, and whether anything has run lately."""

    def __init__(self) -> None:
        self._lanes = threading.BoundedSemaphore(_LANES)
        self._lock = threading.Lock()
        self._running = 0
        self._last = 0.0

    def bound[**P, R](self, execute: Callable[P, R]) -> Callable[P, R]:
        """Return MiniStack's way to run a function, counted and waiting its turn."""

        def in_turn(*arguments: P.args, **more: P.kwargs) -> R:
            with self._lock:
                self._running += 1
            try:
                with self._lanes:
                    return execute(*arguments, **more)
            finally:
                with self._lock:
                    self._running -= 1
                    self._last = time.monotonic()

        return in_turn

    def wait_until_still(self) -> None:
        """Wait until no function has run for a while, at most `_PATIENCE` seconds."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with self._lock:
                if not self._running and time.monotonic() - self._last > _STILL_AFTER:
                    return
            time.sleep(0.05)


def main() -> None:
    """Wait for a predecessor to finish saving, mend its files, and become MiniStack."""
    state = Path(os.environ["STATE_DIR"])
    scratch = Path(os.environ["TMPDIR"])
    state.mkdir(parents=True, exist_ok=True)
    Path(os.environ["S3_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    # Held until this process ends, however it ends. Someone killed may have left a MiniStack that is saving.
    lock = (state / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    _forget_stream_positions(state / "lambda.json")
    _move_to_port(state, os.environ["GATEWAY_PORT"])
    _unpack_once(scratch / "unpacked")
    functions = _mend_calls()
    threading.Thread(target=_stop_with_the_parent, args=(functions,), daemon=True).start()
    sys.argv = ["ministack"]
    runpy.run_module("ministack", run_name="__main__")


def _stop_with_the_parent(functions: Functions) -> None:
    while os.read(0, 1):
        pass
    functions.wait_until_still()
    os.kill(os.getpid(), signal.SIGTERM)


def _mend_calls() -> Functions:
    """Let functions run in a few lanes, and rules call them as Lambda's own queue does: again when they fail."""
    lambda_svc: Any = importlib.import_module("ministack.services.lambda_svc")
    eventbridge: Any = importlib.import_module("ministack.services.eventbridge")
    functions = Functions()
    lambda_svc._execute_function = functions.bound(lambda_svc._execute_function)

    def call(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            print(f"no function {name}: an event is lost", file=sys.stderr)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        contextvars.copy_context().run(lambda_svc.invoke_async_with_retry, record, json.loads(payload))

    eventbridge._dispatch_to_lambda = call
    return functions


def _unpack_once(unpacked: Path) -> None:
    """Unpack equal archives once, and put links where each process of a function expects its own copy."""
    extract_all = zipfile.ZipFile.extractall
    lock = threading.Lock()

    def link_all(
        archive: zipfile.ZipFile,
        path: str | os.PathLike[str] | None = None,
        members: Iterable[str | zipfile.ZipInfo] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        if path is None or members is not None or pwd is not None:
            extract_all(archive, path, members, pwd)
            return
        contents = [(one.filename, one.CRC, one.file_size) for one in archive.infolist()]
        whole = unpacked / hashlib.sha256(repr(contents).encode()).hexdigest()
        with lock:
            if not whole.exists():
                partly = whole.with_suffix(".part")
                extract_all(archive, partly)
                partly.rename(whole)
        for entry in whole.iterdir():
            Path(path, entry.name).symlink_to(entry)

    zipfile.ZipFile.extractall = link_all  # type: ignore[method-assign, assignment]


def _forget_stream_positions(file: Path) -> None:
    if file.exists():
        saved = json.loads(file.read_text())
        if saved["payload"].pop("dynamodb_stream_positions", None) is not None:
            _replace(file, json.dumps(saved))


def _move_to_port(state: Path, port: str) -> None:
    remembered = state / "port"
    before = remembered.read_text() if remembered.exists() else port
    if before != port:
        for file in state.glob("*.json"):
            text = file.read_text()
            moved = text.replace(f"localhost:{before}", f"localhost:{port}")
            if moved != text:
                _replace(file, moved)
    _replace(remembered, port)


def _replace(file: Path, text: str) -> None:
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


if __name__ == "__main__":
    main()
