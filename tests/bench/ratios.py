"""Fresh containers, one after another, on the code and the layer as Lambda gets them: CPU and memory to the floor's."""

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from botocore.client import BaseClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra import bundle
from tests.bench.sample import SECRET, VISIT, Measured, requests, service
from tests.bench.stand_in import question

HERE = Path(__file__).parent
WARM_REQUESTS = 60
SETTINGS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "STAGE", "LOG_LEVEL", "VISITS_TABLE"),
    *("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "BASE_URL", "SECRET_ID", "ORIGIN_SECRET"),
    *("COMMUNITY_NAME", "SENDER", "RATE_LIMITS"),
)


@dataclass
class Figures:
    """What was measured of one subject, a value for each round."""

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def note(self, seen: Mapping[str, float]) -> None:
        """Add a round."""
        self.cold.append(seen["cold"])
        self.warm.append(seen["warm"])
        self.memory.append(seen["memory"])


@dataclass(frozen=True)
class Ratio:
    """A ratio over the rounds: its median, and between what values its middle half lies."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], floor: Sequence[float]) -> "Ratio":
        """Compare round by round: what slows the machine for a while slows both."""
        each = [one / other for one, other in zip(ours, floor, strict=True)]
        low, _, high = quantiles(each, n=4, method="inclusive") if len(each) > 1 else (each[0],) * 3
        return cls(median(each), low, high)


def measure(rounds: int, folder: Path) -> tuple[Figures, list[tuple[Measured, Figures]]]:
    """Measure the floor and every request, ``rounds`` times in turn; ``folder`` takes what they need."""
    asked = requests()
    certificate = _certificate(folder)
    answers = _written(folder / "answers.json", _recorded(asked))
    floor, ours = Figures(), [(one, Figures()) for one in asked]
    events = [_written(folder / f"event-{number}.json", one.event) for number, one in enumerate(asked)]
    with _stand_in(answers, certificate) as port:
        environment = _environment(port, certificate, folder)
        for _ in range(rounds):
            floor.note(_container("floor", events[0], environment))
            for (_one, figures), event in zip(ours, events, strict=True):
                figures.note(_container("visits.web", event, environment))
    return floor, ours


def _recorded(asked: Sequence[Measured]) -> dict[str, Any]:
    """Return what DynamoDB answers each request, as botocore would get it."""
    answers: dict[str, Any] = {
        question("PutItem", {}): {},
        question("GetSecretValue", {}): {"SecretString": SECRET},
    }
    with service() as sample, pytest.MonkeyPatch.context() as patch:
        sample.visit(**VISIT)
        original = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            answer = original(client, operation, parameters)
            answers[question(operation, parameters)] = {k: v for k, v in answer.items() if k != "ResponseMetadata"}
            return answer

        patch.setattr(BaseClient, "_make_api_call", call)
        for one in asked:
            answered = sample.handle(json.loads(json.dumps(one.event)))
            assert answered.status < 300, answered
    return answers


def _environment(port: int, certificate: Path, folder: Path) -> dict[str, str]:
    layer = bundle.layer(bundle.machine()).folder / "python"
    trusted = folder / "trusted.pem"  # as many certificates as botocore trusts, and ours
    trusted.write_bytes((layer / "botocore" / "cacert.pem").read_bytes() + certificate.read_bytes())
    return {
        **{name: os.environ[name] for name in SETTINGS},
        "PYTHONPATH": os.pathsep.join(str(path) for path in (bundle.code().folder, layer, HERE)),
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        "AWS_CA_BUNDLE": str(trusted),
    }


def _container(module: str, event: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Run a fresh container; its figures. The interpreter is the plain one: a virtual environment adds its own."""
    plain: str = getattr(sys, "_base_executable", sys.executable)
    program = [plain, "-s", "-P", str(HERE / "fresh_container.py"), module, str(event)]
    done = subprocess.run(
        [*program, str(WARM_REQUESTS)], env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert seen["status"] < 300, done.stdout
    return seen


@contextmanager
def _stand_in(answers: Path, certificate: Path) -> Iterator[int]:
    program = [sys.executable, str(HERE / "stand_in.py"), str(answers), str(certificate)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def _written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def _certificate(folder: Path) -> Path:
    """Make a certificate for this machine's loopback address that is good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
