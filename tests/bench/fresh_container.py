"""A fresh container: imports a handler, answers one event, then the same many times, and prints what that took.

Run as ``fresh_container.py <module> <event.json> <repeats>``. CPU is this whole process's, interpreter included, from
its start until the first answer: Lambda makes somebody wait for all of it.
"""

import importlib
import json
import sys
import time
from pathlib import Path


class Context:
    """What Lambda hands a function besides the event."""

    function_name = "visits-web"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-2:123456789012:function:visits-web"
    aws_request_id = "lambda-request"


def main(module: str, event_file: str, repeats: int) -> None:
    """Measure, and print a JSON object: CPU in milliseconds, memory in MB."""
    text = Path(event_file).read_text()
    handler = importlib.import_module(module).handler
    answer = handler(json.loads(text), Context())
    cold = time.process_time()
    warm = []
    for _ in range(repeats):
        event = json.loads(text)
        before = time.process_time()
        answer = handler(event, Context())
        warm.append(time.process_time() - before)
    warm.sort()
    figures = {
        "cold": cold * 1e3,
        "warm": warm[len(warm) // 2] * 1e3,
        "memory": _most_memory(),
        "status": answer["statusCode"],
    }
    print(json.dumps(figures))


def _most_memory() -> float:
    """Return the peak of this process's memory in MB; `getrusage` would count the parent's before exec."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
