"""The real template, deployed onto the emulator when it changed, and mended where MiniStack drops a part of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.local import commands
from infra.local.assembly import CDK, Assembly, quiet
from infra.local.emulator import ACCOUNT, REGION, Emulator
from infra.local.folder import Folder

_DEPLOYMENT_WITHIN = 300.0
_DEPLOYED = "/microclimate-local/deployed"

# `cdk bootstrap` takes half a minute, most of it polling, and makes roles and keys that the emulator does not
# enforce. Of all it makes, a deployment here looks at two things: the bucket for assets, and the parameter that
# says how new the bootstrap stack is. We make these two ourselves, in 0.1 s.
_BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"


@dataclass(frozen=True)
class Deployment:
    """What was deployed: the outputs of all stacks, by their names."""

    outputs: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """Return an output.

        Raises:
            KeyError: no stack has it.
        """
        return self.outputs[name]


def is_deployed(emulator: Emulator, assembly: Assembly) -> bool:
    """Tell whether this very assembly is what runs."""
    return _what_is_deployed(emulator).get("fingerprint") == assembly.fingerprint


def deploy(emulator: Emulator, assembly: Assembly, folder: Folder) -> Deployment:
    """Deploy the assembly unless it is deployed already, and return its outputs.

    What is deployed is noted inside the emulator, whose state is saved as a whole: a note of our own would outlive
    a state that was lost.

    Raises:
        CommandFailed: with the end of what CDK said.
    """
    known = _what_is_deployed(emulator)
    if known.get("fingerprint") == assembly.fingerprint:
        return Deployment(known["outputs"])
    _bootstrap(emulator)
    written = folder.path / "outputs.json"
    commands.run(
        [
            *(str(CDK), "deploy", "--all", "--app", str(assembly.folder)),
            *("--require-approval", "never", "--method", "direct", "--concurrency", "2"),
            *("--no-notices", "--progress", "events", "--outputs-file", str(written)),
        ],
        environment=quiet(emulator.environment),
        log=folder.deployment_log,
        timeout=_DEPLOYMENT_WITHIN,
    )
    outputs = {name: value for stack in json.loads(written.read_text()).values() for name, value in stack.items()}
    written.unlink()
    _mend(emulator, assembly)
    _remember(emulator, {"fingerprint": assembly.fingerprint, "outputs": outputs})
    return Deployment(outputs)


def _bootstrap(emulator: Emulator) -> None:
    s3 = emulator.session.client("s3", **emulator.connection)
    try:
        s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    emulator.untyped("ssm").put_parameter(Name=_BOOTSTRAP_VERSION, Value="30", Type="String", Overwrite=True)


def _mend(emulator: Emulator, assembly: Assembly) -> None:
    """Set what CloudFormation on MiniStack silently leaves out: time to live of tables, CORS of HTTP APIs."""
    for stack, resources in assembly.templates():
        for physical, properties in _deployed(emulator, stack, resources, "AWS::DynamoDB::Table"):
            if "TimeToLiveSpecification" in properties:
                _set_time_to_live(emulator, physical, properties["TimeToLiveSpecification"]["AttributeName"])
        for physical, properties in _deployed(emulator, stack, resources, "AWS::ApiGatewayV2::Api"):
            if "CorsConfiguration" in properties:
                emulator.untyped("apigatewayv2").update_api(
                    ApiId=physical, CorsConfiguration=properties["CorsConfiguration"]
                )


def _deployed(
    emulator: Emulator, stack: str, resources: dict[str, dict[str, object]], kind: str
) -> Iterator[tuple[str, Any]]:  # properties are whatever CloudFormation's schema of the kind says
    stacks = emulator.untyped("cloudformation")
    for logical, resource in resources.items():
        if resource["Type"] == kind:
            found = stacks.describe_stack_resource(StackName=stack, LogicalResourceId=logical)
            yield found["StackResourceDetail"]["PhysicalResourceId"], resource.get("Properties", {})


def _set_time_to_live(emulator: Emulator, table: str, attribute: str) -> None:
    dynamodb = emulator.session.client("dynamodb", **emulator.connection)
    if dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
        )


def _what_is_deployed(emulator: Emulator) -> dict[str, Any]:  # JSON of our own writing
    parameters = emulator.untyped("ssm")
    try:
        return dict(json.loads(parameters.get_parameter(Name=_DEPLOYED)["Parameter"]["Value"]))
    except parameters.exceptions.ParameterNotFound:
        return {}


def _remember(emulator: Emulator, what: dict[str, object]) -> None:
    emulator.untyped("ssm").put_parameter(
        Name=_DEPLOYED, Value=json.dumps(what), Type="String", Tier="Advanced", Overwrite=True
    )
