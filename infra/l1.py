"""Below CDK's constructs: the CloudFormation resource itself, for a property that the construct has no word for."""

from constructs import Construct


def resource[R](construct: Construct, kind: type[R]) -> R:
    """Return the resource that a construct makes.

    Raises:
        TypeError: the construct makes none of that kind, which a newer CDK may have changed.
    """
    made = construct.node.default_child
    if not isinstance(made, kind):
        raise TypeError(f"{construct.node.path} makes a {type(made).__name__}, not a {kind.__name__}")
    return made
