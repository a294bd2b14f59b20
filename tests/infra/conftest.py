"""One synthesis of each stage for all tests of the infrastructure: it takes seconds, and nobody changes it."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

# CDK's engine says at every start which Node versions it likes; here that is noise.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")

from aws_cdk import App

from infra import app as cdk_app
from infra.settings import STAGES, Stage, context

type Json = Any  # templates are JSON of every shape


@dataclass(frozen=True)
class Resource:
    """A resource of a template, with the stage, the stack and the logical id that a failure message needs."""

    stage: Stage
    stack: str
    logical_id: str
    kind: str
    properties: dict[str, Json]
    whole: dict[str, Json]

    def __str__(self) -> str:
        return f"{self.stage}: {self.logical_id} ({self.kind})"


class Synthesis:
    """The templates of every stage, to be asked for resources by kind."""

    def __init__(self, templates: dict[Stage, dict[str, Json]]) -> None:
        self.templates = templates

    def all(self, kind: str, *stages: Stage) -> list[Resource]:
        """Return every resource of a kind in these stages (in all, if none is named), and never none at all."""
        found = [
            Resource(stage, stack, logical_id, kind, one.get("Properties", {}), one)
            for stage in stages or STAGES
            for stack, template in self.templates[stage].items()
            for logical_id, one in template["Resources"].items()
            if one["Type"] == kind
        ]
        assert found, f"no {kind} in {stages or STAGES}: does the test still look for the right thing?"
        return found

    def everything(self, *stages: Stage) -> Iterator[Resource]:
        """Yield every resource of these stages (of all, if none is named)."""
        for stage in stages or STAGES:
            for stack, template in self.templates[stage].items():
                for logical_id, one in template["Resources"].items():
                    yield Resource(stage, stack, logical_id, one["Type"], one.get("Properties", {}), one)


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Every stage's templates, as `cdk synth` makes them."""
    return Synthesis({stage: _templates(stage, tmp_path_factory.mktemp(stage)) for stage in STAGES})


def _templates(stage: Stage, out: Path) -> dict[str, Json]:
    app = App(outdir=str(out), context={**context(), "stage": stage}, analytics_reporting=False)
    assembly = cdk_app.build(app, held_to_rules=False).synth()
    return {
        stack.stack_name: cast("Json", json.loads(Path(stack.template_full_path).read_text()))
        for stack in assembly.stacks
    }
