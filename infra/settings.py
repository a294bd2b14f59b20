"""Settings of a stage, read from the context in ``cdk.json`` and ``-c name=value``, each with its type.

A setting that is missing or of the wrong type stops the synthesis with its name: a default would hide the
mistake until the first email goes out under a stranger's address.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, cast

ROOT = Path(__file__).resolve().parent.parent

Stage = Literal["local", "dev", "prod"]
Architecture = Literal["aarch64", "x86_64"]
STAGES: tuple[Stage, ...] = ("local", "dev", "prod")

# RFC 2606: names that nobody can own. cdk.json holds them until a community has put in its own.
_RESERVED = re.compile(r"[@.](example\.(org|com|net)|example|invalid|test)$")


class SettingMissing(Exception):
    """A stage lacks a setting, or has one that cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What differs between stages.

    Attributes:
        sender: the From of every email, ``Name <address>``; the address's domain becomes the SES identity.
        base_url: where people reach the service, without a slash at the end; None while that is the address
            CloudFront gives it.
        domain: the custom domain, with a certificate for it in us-east-1 (CloudFront takes no other region).
        alarm_email: who hears of alarms; None leaves the topic without a subscriber.
        sign_in_mail: who sends the codes people sign in with: ``cognito`` itself, 50 a day at most, or ``ses`` in the
            sender's name, which it takes only once SES has verified the sender's domain.
        log_retention_days: one of the spans CloudWatch Logs knows.
        emails_a_second: what SES takes of this account ("maximum send rate"): 1 in its sandbox, 14 to begin with after.
        snap_start: publish a snapshot of each web function; about 2 dollars a month for each of them.
        origin_secret_version: the version of the origin secret to deploy, when it has just been rotated; None reads
            the current one, but only into what the deployment changes anyway.
        clock_file: stage ``local`` only: the file that says by how much the clock is ahead.
        architecture: the machine the functions run on: Graviton, but in stage ``local`` this machine.
    """

    stage: Stage
    sender: str
    community_name: str
    base_url: str | None
    domain: str | None
    certificate_arn: str | None
    alarm_email: str | None
    sign_in_mail: Literal["cognito", "ses"]
    rate_limits: Literal["on", "off"]
    log_level: Literal["DEBUG", "INFO", "WARNING"]
    log_retention_days: int
    emails_a_second: int
    snap_start: bool
    origin_secret_version: str | None
    clock_file: str | None
    architecture: Architecture

    @property
    def is_local(self) -> bool:
        """Whether this is the stage that `make run` deploys onto the emulator."""
        return self.stage == "local"

    @property
    def is_prod(self) -> bool:
        """Whether people's data live here, to be kept whatever happens to a stack."""
        return self.stage == "prod"

    @property
    def prefix(self) -> str:
        """What every name begins with; prod has the plain name, so that stages can share an account."""
        return "microclimate" if self.is_prod else f"microclimate-{self.stage}"

    @property
    def sender_address(self) -> str:
        """The address alone, without the name before it."""
        return parseaddr(self.sender)[1]

    @property
    def sender_domain(self) -> str:
        """The domain that SES signs for."""
        return self.sender_address.rpartition("@")[2]


def context() -> dict[str, object]:
    """Return the context of cdk.json, for who makes an app without the CDK's command line."""
    return cast("dict[str, object]", json.loads((ROOT / "cdk.json").read_text())["context"])


def read(look_up: Callable[[str], object], *, machine: Architecture) -> Settings:
    """Read the settings of the stage that the context names.

    Args:
        look_up: the context: a name to its value, or None.
        machine: this machine's architecture, for stage ``local``.

    Raises:
        SettingMissing: naming the stage and the setting.
    """
    stage = _one_of(look_up("stage"), STAGES, "stage", "give it with `-c stage=local|dev|prod`")
    stages = look_up("stages")
    if not isinstance(stages, Mapping) or not isinstance(stages.get(stage), Mapping):
        raise SettingMissing(f"cdk.json has no context for stage {stage} (context.stages.{stage})")
    values = _Values(stage, stages[stage], look_up)
    local = stage == "local"
    domain, certificate_arn = values.optional("domain"), values.optional("certificate_arn")
    if (domain is None) != (certificate_arn is None) or (stage == "prod" and domain is None):
        raise SettingMissing(
            f"stage {stage} needs both of `domain` and `certificate_arn`: CloudFront promises TLS 1.2 "
            "only under a certificate of one's own"
        )
    address = values.text("base_url") if local else (f"https://{domain}" if domain else None)
    return Settings(
        stage=stage,
        sender=_sender(values.text("sender"), stage),
        community_name=values.text("community_name"),
        base_url=address,
        domain=domain,
        certificate_arn=certificate_arn,
        alarm_email=values.optional("alarm_email"),
        sign_in_mail=_one_of(values.get("sign_in_mail"), ("cognito", "ses"), "sign_in_mail", f"stage {stage}"),
        rate_limits=_one_of(values.get("rate_limits"), ("on", "off"), "rate_limits", f"stage {stage}"),
        log_level=_one_of(values.get("log_level"), ("DEBUG", "INFO", "WARNING"), "log_level", f"stage {stage}"),
        log_retention_days=values.number("log_retention_days"),
        emails_a_second=values.number("emails_a_second"),
        snap_start=values.flag("snap_start"),
        origin_secret_version=values.optional("origin_secret_version"),
        clock_file=(values.optional("clock_file") or str(ROOT / ".local" / "clock")) if local else None,
        architecture=machine if local else "aarch64",
    )


class _Values:
    """One stage's values; what the command line gives goes before what cdk.json says."""

    def __init__(self, stage: str, stored: Mapping[str, object], look_up: Callable[[str], object]) -> None:
        self._stage = stage
        self._stored = stored
        self._look_up = look_up

    def get(self, name: str) -> object:
        given = self._look_up(name)
        return self._stored.get(name) if given is None else given

    def optional(self, name: str) -> str | None:
        value = self.get(name)
        if value is None or (isinstance(value, str) and value.strip()):
            return None if value is None else str(value)
        raise SettingMissing(f"stage {self._stage}: `{name}` must be text, or be left out")

    def text(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            raise SettingMissing(f"stage {self._stage} needs `{name}` (cdk.json, context.stages.{self._stage})")
        return value

    def number(self, name: str) -> int:
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdecimal():
            raise SettingMissing(f"stage {self._stage} needs `{name}`, a whole number")
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if value in (True, "true"):
            return True
        if value in (False, "false"):
            return False
        raise SettingMissing(f"stage {self._stage} needs `{name}`, true or false")


def _one_of[V: str](value: object, allowed: tuple[V, ...], name: str, where: str) -> V:
    for one in allowed:
        if one == value:
            return one
    raise SettingMissing(f"`{name}` must be one of {', '.join(allowed)}; {where}")


def _sender(value: str, stage: str) -> str:
    name, address = parseaddr(value)
    if not name or "@" not in address:
        raise SettingMissing(f"stage {stage}: `sender` must read `Name <address@domain>`")
    return value


def placeholders(stored: Mapping[str, object]) -> list[str]:
    """Return the names of the settings that still hold an example, and so must not be deployed."""
    return sorted(
        name
        for name, value in stored.items()
        if isinstance(value, str) and (_RESERVED.search(parseaddr(value)[1] or value) or ":111122223333:" in value)
    )


def main(stage: str) -> int:
    """Say which settings of a stage still are examples; answer 1 when there are any."""
    stages = cast("dict[str, dict[str, object]]", context()["stages"])
    if stage not in stages or stage == "local":
        print(f"STAGE must be dev or prod, not {stage!r} (stage local is what `make run` deploys)")
        return 1
    found = placeholders(stages[stage])
    if found:
        print(f"Before stage {stage} is deployed, set in cdk.json (context.stages.{stage}): {', '.join(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
