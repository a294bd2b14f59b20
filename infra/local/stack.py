"""A whole stack that runs here: emulator, post office, deployment and front door, started and stopped in order."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import assembly, deployment, emulator, folder, people, tokens
from infra.local.deployment import Deployment
from infra.local.emulator import Emulator
from infra.local.folder import Folder, Running
from infra.local.front_door import ORIGIN_SECRET, FrontDoor
from infra.local.post_office import Mail, PostOffice

_ANSWERS_WITHIN = 30.0

type Progress = Callable[[str], None]


class ServiceDown(Exception):
    """Everything is up and deployed, and the service does not answer."""


@dataclass(frozen=True, kw_only=True)
class LocalStack:
    """A stack that runs.

    Attributes:
        base_url: where people reach it, without a slash at the end.
        mail: the emails it sent.
        post_office: the endpoint of its SES.
    """

    folder: Folder
    emulator: Emulator
    deployment: Deployment
    base_url: str
    mail: Mail
    post_office: str


@contextmanager
def running(
    home: Folder,
    *,
    port: int,
    rate_limits: bool = False,
    keep: bool = True,
    progress: Progress = lambda _: None,
) -> Iterator[LocalStack]:
    """Run a stack from a folder until the block ends.

    Args:
        home: where its state is; nobody else may be using it.
        port: of the front door.
        rate_limits: whether limits by network hold, which locally would be limits on oneself.
        keep: save the state at the end. A stack not to be kept starts from nothing, too.
        progress: told what is being waited for.

    Raises:
        AlreadyRunning, PortTaken, EmulatorFailed, CommandFailed: each with a message for whoever started it.
    """
    with ExitStack() as stack:
        stack.enter_context(folder.claimed(home))
        if not keep:
            home.forget()
        mail = Mail(home.mail)
        mail.load()
        door = stack.enter_context(FrontDoor(port, mail))
        office = stack.enter_context(PostOffice(home, mail))
        stack.enter_context(office.serving())
        progress(
            "Installing MiniStack, the local AWS emulator" if not emulator.is_installed() else "Starting MiniStack"
        )
        emulator.install()
        # The service's own address for SES alone; everything else functions find by the emulator's.
        ministack = stack.enter_context(
            emulator.running(
                home,
                port=emulator.free_port(_remembered_port(home)),
                for_functions={"AWS_ENDPOINT_URL_SESV2": office.endpoint},
                keep=keep,
            )
        )
        office.deliver_for(ministack)
        base_url = f"http://localhost:{door.port}"
        deployed = _deployed(home, ministack, base_url, rate_limits, progress)
        tokens.write(ministack, deployed)
        people.write(ministack, deployed)
        door.lead_to(ministack.port, deployed["ApiId"])
        local = LocalStack(
            folder=home,
            emulator=ministack,
            deployment=deployed,
            base_url=base_url,
            mail=mail,
            post_office=office.endpoint,
        )
        if keep:
            stack.callback(progress, "Saving")
        progress("Waiting for the first answer")
        _wait_for_an_answer(door, home.emulator_log)
        stack.enter_context(door.serving())
        folder.announce(home, Running(pid=os.getpid(), base_url=base_url, emulator_port=ministack.port))
        yield local


def _wait_for_an_answer(door: FrontDoor, log: Path) -> None:
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while True:
        status, _, _ = door.ask_origin("GET", "/healthz", [("x-origin-secret", ORIGIN_SECRET)], b"")
        if status == 200:
            return
        if time.monotonic() > deadline:
            raise ServiceDown(f"The service answers {status}: see the end of {log}")
        time.sleep(0.2)


def _remembered_port(home: Folder) -> int:
    # Queues are filed under an address with the port in it; keeping the port saves rewriting it.
    remembered = home.emulator_state / "port"
    return int(remembered.read_text()) if remembered.exists() else emulator.USUAL_PORT


def _deployed(home: Folder, ministack: Emulator, base_url: str, rate_limits: bool, progress: Progress) -> Deployment:
    settings = {
        "base_url": base_url,
        "clock_file": str(home.clock.resolve()),
        "rate_limits": "on" if rate_limits else "off",
    }
    if not assembly.is_synthesised(settings):
        progress("Building the functions and synthesising the CDK app")
    made = assembly.synthesised(settings, environment=ministack.environment, log=home.deployment_log)
    if not deployment.is_deployed(ministack, made):
        progress("Deploying it onto MiniStack")
    return deployment.deploy(ministack, made, home)
