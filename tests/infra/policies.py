"""What each function may do, read back from a template: its role's statements, with references made readable."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.infra.conftest import Json, Resource, Synthesis


@dataclass(frozen=True)
class Permission:
    """One action on one resource: ``dynamodb:Query`` on ``<Visits.Arn>/index/public-by-start``."""

    action: str
    resource: str


def function_name(function: Resource) -> str:
    """Return a function's name without its stage: ``visits-web``."""
    return str(function.properties["FunctionName"]).removeprefix("microclimate-").removeprefix(f"{function.stage}-")


def permissions(synthesis: Synthesis, function: Resource) -> set[Permission]:
    """Return all that a function's role allows."""
    return {
        Permission(action, readable(synthesis, function, resource))
        for statement in statements(synthesis, function)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def statements(synthesis: Synthesis, function: Resource) -> Iterator[Json]:
    """Yield the statements of the policies of a function's role."""
    role = function.properties["Role"]["Fn::GetAtt"][0]
    for policy in synthesis.all("AWS::IAM::Policy", function.stage):
        if {"Ref": role} in policy.properties["Roles"]:
            yield from policy.properties["PolicyDocument"]["Statement"]


def as_list(value: Json) -> list[Json]:
    """Return a policy's one or several as several."""
    return value if isinstance(value, list) else [value]


def readable(synthesis: Synthesis, where: Resource, value: Json) -> str:
    """Return a reference as text, through exports of the other stack to the resource that is meant."""
    match value:
        case str():
            return value
        case {"Ref": target}:
            return f"<{_plain(synthesis, where, target)}>"
        case {"Fn::GetAtt": [target, attribute]}:
            return f"<{_plain(synthesis, where, target)}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(readable(synthesis, where, part) for part in parts)
        case {"Fn::ImportValue": name}:
            return _exported(synthesis, where, name)
    raise AssertionError(f"{where} refers to something in a way this test cannot read: {value}")


def _exported(synthesis: Synthesis, where: Resource, name: str) -> str:
    for template in synthesis.templates[where.stage].values():
        for output in template.get("Outputs", {}).values():
            if output.get("Export", {}).get("Name") == name:
                return readable(synthesis, where, output["Value"])
    raise AssertionError(f"{where} imports {name}, which nobody exports")


def _plain(synthesis: Synthesis, where: Resource, logical_id: str) -> str:
    """Return a logical id without CDK's hash at its end."""
    known = {one.logical_id for one in synthesis.everything(where.stage)}
    return logical_id[:-8] if logical_id in known else logical_id
