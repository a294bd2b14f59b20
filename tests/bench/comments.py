"""``python -m tests.bench.comments``: what reading a hundred comments costs, and sending one, beside Isso.

Isso 0.14 runs as its manual says, under gunicorn with gthread workers, from a virtual environment of its own that this
makes; ours as Lambda gets it, on a stand-in for DynamoDB. Both hold the same hundred comments, and are measured in
turn on the same machine: CPU of the process that answers, HTTP server and interpreter of Isso's included, for Lambda
has none; DynamoDB's own work is in neither.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from botocore.client import BaseClient

from infra.settings import ROOT
from tests import conftest  # noqa: F401  settings first
from tests.bench import ratios
from tests.bench.sample import SECRET, _get, _post, service
from tests.bench.stand_in import question
from tests.dynamodb_tap import Tap

COMMENTS = 100
REQUESTS = 100
ROUNDS = 3
ENOUGH = 10
ISSO = ("isso==0.14.0", "gunicorn==23.0.0")
STORY = "ward"
STARTS_WITHIN = 30.0

_SETTINGS = ("COMMENTS_TABLE", "ACCOUNTS_TABLE", "USER_POOL_ID", "FOLLOWUPS_TABLE")


def body(number: int) -> str:
    """Return a comment of an ordinary size, with what Markdown people use."""
    return (
        f"We tried this on ward {number}, and **it worked** better than we had thought.\n\n"
        "What we would do again:\n\n- ask at *noon*, not at six\n- write down what nobody eats\n\n"
        f"What we would not do again is to [print the list](https://tools.example.org/list-{number}). Nobody read it, "
        "and whoever did had a question that the list could not answer. Has anybody found a way round that?"
    )


@dataclass(frozen=True)
class Cost:
    """CPU of one request in milliseconds: of reading, and of sending."""

    reading: float
    sending: float


def main() -> None:
    """Measure and print."""
    print(f"A story with {COMMENTS} comments, {REQUESTS} requests a round, {ROUNDS} rounds in turn\n")
    with tempfile.TemporaryDirectory() as name, isso(Path(name)) as other, ours(Path(name)) as (mine, calls):
        pairs = [(other(), mine()) for _ in range(ROUNDS)]
    _print("reading a page of 100", [(a.reading, b.reading) for a, b in pairs], calls["reading"])
    _print("sending one", [(a.sending, b.sending) for a, b in pairs], calls["sending"])
    times = median(a.reading / b.reading for a, b in pairs)
    print(
        f"\nreading: {times:.1f} times less CPU than Isso, {'enough' if times >= ENOUGH else 'too little'} (≥ {ENOUGH})"
    )
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def _print(what: str, pairs: Sequence[tuple[float, float]], calls: Sequence[str]) -> None:
    isso_ms, ours_ms = median(a for a, _ in pairs), median(b for _, b in pairs)
    print(f"{what:24} Isso {isso_ms:7.2f} ms   ours {ours_ms:6.2f} ms   DynamoDB: {', '.join(calls)}")


# --- ours


@contextmanager
def ours(folder: Path) -> Iterator[tuple[Any, dict[str, list[str]]]]:
    """Yield what measures our two requests once, and the calls of DynamoDB each makes in a warm container."""
    reading = _get(f"/api/v1/stories/{STORY}/comments")
    reading["rawQueryString"] = f"limit={COMMENTS}"
    sent = {"author_name": "Ada Quillfeather", "author_email": "ada@people.example.org", "body": body(0)}
    sending = _post(f"/api/v1/stories/{STORY}/comments", sent)
    answers, calls = _recorded({"reading": reading, "sending": sending})
    certificate = ratios._certificate(folder)
    recorded = ratios._written(folder / "comments-answers.json", answers)
    events = [ratios._written(folder / f"{name}.json", one) for name, one in (("r", reading), ("s", sending))]
    with ratios._stand_in(recorded, certificate) as port:
        environment = ratios._environment(port, certificate, folder) | {name: os.environ[name] for name in _SETTINGS}

        def once() -> Cost:
            costs = [ratios._container("comments.web", event, environment)["warm"] for event in events]
            return Cost(*costs)

        yield once, calls


def _recorded(asked: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return what DynamoDB answers, and which calls each request makes once a container is warm."""
    from comments import decide, rules
    from kernel.access import Actor
    from tests.unit.comments_samples import sent_id, write_story

    answers: dict[str, Any] = {question("GetSecretValue", {}): {"SecretString": SECRET}}
    calls: dict[str, list[str]] = {}
    iris = Actor("iris", "iris@example.org", "Iris", frozenset({"moderator"}))
    with service() as sample, pytest.MonkeyPatch.context() as patch:
        write_story(sample, STORY)
        for number in range(COMMENTS):
            comment_id = sent_id(sample, number, story_id=STORY, body=body(number))
            decide.decide(decide.Decision(comment_id, 1, "approve"), iris, now=sample.clock.now)
        original = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            answer = original(client, operation, parameters)
            answers[question(operation, parameters)] = {k: v for k, v in answer.items() if k != "ResponseMetadata"}
            return answer

        patch.setattr(BaseClient, "_make_api_call", call)
        rules._read.clear()
        for name, event in asked.items():
            for _ in range(2):
                tap: Tap = sample.dynamodb
                tap.forget()
                answered = sample.handle(json.loads(json.dumps(event)))
                assert answered.status < HTTPStatus.MULTIPLE_CHOICES, answered
                calls[name] = tap.operations
            if name == "reading":
                assert len(answered.json["items"]) == COMMENTS
    return answers, calls


# --- Isso


@contextmanager
def isso(folder: Path) -> Iterator[Any]:
    """Run Isso with the same comments, and yield what measures both requests once."""
    port = _free_port()
    (folder / "isso.cfg").write_text(
        f"[general]\ndbpath = {folder / 'isso.db'}\nhost = http://127.0.0.1:{port}/\n"
        "[guard]\nenabled = false\n[server]\nlisten = http://127.0.0.1\n[moderation]\nenabled = false\n"
    )
    workers = [str(_environment() / "bin" / "gunicorn"), *("-k", "gthread", "-w", "1", "--threads", "4")]
    process = subprocess.Popen(
        [*workers, "-b", f"127.0.0.1:{port}", "--log-level", "error", "isso.run"],
        env={**os.environ, "ISSO_SETTINGS": str(folder / "isso.cfg")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        _wait_for(base)
        for number in range(COMMENTS):
            _ask(f"{base}/new?uri=%2Fward", {"text": body(number), "author": f"Robin {number}", "title": "Ward"})
        [worker] = [int(one) for one in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]

        def once() -> Cost:
            return Cost(
                reading=_cpu(worker, lambda: _ask(f"{base}/?uri=%2Fward&nested_limit=0")),
                sending=_cpu(
                    worker, lambda: _ask(f"{base}/new?uri=%2Felse", {"text": body(0), "author": "Ada", "title": "Else"})
                ),
            )

        found = json.loads(_ask(f"{base}/?uri=%2Fward"))
        assert len(found["replies"]) == COMMENTS
        yield once
    finally:
        process.terminate()
        process.wait(10)


def _environment() -> Path:
    """Make Isso's virtual environment, once."""
    folder = ROOT / "build" / "isso"
    if not (folder / "bin" / "gunicorn").is_file():
        uv = str(ROOT / ".tools" / "uv" / "bin" / "uv")
        plain: str = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", plain, str(folder)], check=True, timeout=120)
        install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *ISSO]
        try:
            subprocess.run(install, check=True, timeout=300)
        except subprocess.CalledProcessError:
            shutil.rmtree(folder)
            raise
    return folder


def _cpu(pid: int, request: Any) -> float:
    """Return the CPU a process takes for a request, in milliseconds, over many."""
    for _ in range(5):
        request()
    before = _spent(pid)
    for _ in range(REQUESTS):
        request()
    return (_spent(pid) - before) / REQUESTS * 1e3


def _spent(pid: int) -> float:
    """Return a process's CPU so far in seconds (proc_pid_stat(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ask(url: str, document: object = None) -> bytes:
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "Accept": "*/*"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        read: bytes = answer.read()
        return read


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


def _wait_for(base: str) -> None:
    give_up = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < give_up:
        with suppress(OSError):
            _ask(f"{base}/info")
            return
        time.sleep(0.1)
    raise TimeoutError("Isso did not start")


if __name__ == "__main__":
    main()
