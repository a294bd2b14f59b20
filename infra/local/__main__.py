"""``make run`` and ``make advance``: run the service here, and move its clock on.

Usage: ``python -m infra.local``, ``… advance P1D`` or ``… forget``. Variables: ``PORT`` (8000), ``RATE_LIMITS`` (1
turns limits by network on) and ``LOCAL_STATE`` (the folder of the state, ``.local``).
"""

import os
import signal
import sys
import threading
import time
from types import FrameType

from infra.local import clock, folder, people, sample, schedules, stack, tokens
from infra.local.commands import CommandFailed
from infra.local.emulator import Emulator, EmulatorFailed
from infra.local.folder import AlreadyRunning
from infra.local.http_server import PortTaken
from infra.local.stack import LocalStack, ServiceDown
from kernel.clock import parse_duration

_FAILURES = (
    AlreadyRunning,
    CommandFailed,
    EmulatorFailed,
    PortTaken,
    ServiceDown,
    schedules.ScheduledFunctionFailed,
)


# MiniStack's scheduler knows the real clock alone; ours may be ahead of it.
_LOOK_EVERY = 10.0


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM while the stack was being started."""


class _Signals:
    """Ctrl-C and SIGTERM: while starting they break off, later they end the wait. Only the first one counts."""

    def __init__(self) -> None:
        self.starting = True
        self.stop = threading.Event()
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, self._came)

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        first = not self.stop.is_set()
        self.stop.set()
        if first and self.starting:
            raise _Stopped


def main(arguments: list[str]) -> int:
    """Do what was asked, and return the exit status."""
    try:
        match arguments:
            case []:
                return run()
            case ["advance", duration]:
                return advance(duration)
            case ["forget"]:
                return forget()
    except _FAILURES as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


def run() -> int:
    """Run the service until Ctrl-C or SIGTERM, with its data kept for the next time."""
    started = time.monotonic()
    signals = _Signals()
    try:
        with stack.running(
            folder.default(),
            port=_port(),
            rate_limits=os.environ.get("RATE_LIMITS", "0") not in {"", "0", "off"},
            progress=_say,
        ) as local:
            if not sample.is_written(local):
                _say("Writing sample visits and people")
                _write_sample(local)
            signals.starting = False
            _print_addresses(local, time.monotonic() - started)
            threading.Thread(target=_catch_up, args=(local,), daemon=True).start()
            while not signals.stop.wait(_LOOK_EVERY):
                schedules.send_due(local.emulator, clock.now(local.folder))
            print()
    except _Stopped:
        print("\nBroken off.")
        return 130
    print("Stopped. `make run` goes on from here, `make clean` forgets it.")
    return 0


def advance(duration: str) -> int:
    """Move the clock on, and run what has become due."""
    home = folder.default()
    home.path.mkdir(parents=True, exist_ok=True)
    running = folder.running_from(home)
    played = 0
    try:
        by = parse_duration(duration)
        if running is None:
            clock.advance(home, by)
        else:
            played = schedules.play(home, Emulator(running.emulator_port), by)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    total = clock.ahead(home)
    print(f"The clock is {total} ahead: here it is {clock.now(home):%A %d %B %Y, %H:%M} UTC.")
    if running is None:
        print("What has become due runs at the next `make run`.")
        return 0
    called = schedules.call_all(Emulator(running.emulator_port))
    print(f"{played} steps of plans became due. Ran {', '.join(called)}. See {running.base_url}/mailbox")
    return 0


def forget() -> int:
    """Forget all data, unless a stack that is running still writes it."""
    home = folder.default()
    with folder.claimed(home):
        home.forget()
    return 0


def _port() -> int:
    value = os.environ.get("PORT") or "8000"
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise PortTaken(f"PORT must be a port number, not {value}")
    return int(value)


def _say(what: str) -> None:
    print(f"· {what} …", flush=True)


def _print_addresses(local: LocalStack, seconds: float) -> None:
    ahead = clock.ahead(local.folder)
    print(
        f"""
Microclimate runs here, after {seconds:.0f} seconds.

  Visits     {local.base_url}
  Mailbox    {local.base_url}/mailbox   every email, none of which leaves this machine
  API        {local.base_url}/api/v1/docs
  Sign in    {local.base_url}/sign-in
{_people()}
  Tokens     {tokens.ORGANISER.token}, {tokens.MODERATORS[0].token}   (Authorization: Bearer …)
"""
        + (f"  Clock      {ahead} ahead\n" if ahead else "")
        + """
`make advance BY=P1D` moves the clock on a day. Ctrl-C stops, and keeps everything for the next time.
""",
        flush=True,
    )


def _people() -> str:
    return "\n".join(f"             {one.email:24} {one.password:20} {one.what}" for one in people.ALL)


def _write_sample(local: LocalStack) -> None:
    try:
        sample.write(local)
    except sample.SampleRefused as refusal:
        print(f"The sample data could not be written, and is tried again next time. {refusal}", file=sys.stderr)


def _catch_up(local: LocalStack) -> None:
    # On AWS these ran every five minutes, also during the time in which nothing ran here.
    try:
        schedules.call_all(local.emulator)
    except schedules.ScheduledFunctionFailed as failure:
        print(f"What runs every five minutes failed. {failure}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
