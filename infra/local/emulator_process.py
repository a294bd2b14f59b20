"""Run MiniStack as a child that cannot outlive its parent, after mending what it saved last time.

Executed by MiniStack's own interpreter, alone (``-I``), from `emulator`; it imports nothing of this project. The
parent holds the other end of standard input: when that closes, be it that the parent was killed, MiniStack gets
the SIGTERM upon which alone it writes its state.

Faults of MiniStack 1.5.33 mended here:
- It saves how far each mapping has read a table's stream but not the stream, and then skips as many new records.
- It files queues under an address with its port in it, and after a start on another port no mapping finds its queue.
"""

import fcntl
import json
import os
import runpy
import shutil
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Wait for a predecessor to finish saving, mend its files, and become MiniStack."""
    state = Path(os.environ["STATE_DIR"])
    state.mkdir(parents=True, exist_ok=True)
    Path(os.environ["S3_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    # Held until this process ends, however it ends. Someone killed may have left a MiniStack that is saving.
    lock = (state / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    _empty(Path(os.environ["TMPDIR"]))
    _forget_stream_positions(state / "lambda.json")
    _move_to_port(state, os.environ["GATEWAY_PORT"])
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    sys.argv = ["ministack"]
    runpy.run_module("ministack", run_name="__main__")


def _stop_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _empty(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)


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
