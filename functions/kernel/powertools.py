"""Powertools' router for HTTP APIs, without the other resolvers of its package.

``aws_lambda_powertools.event_handler`` imports a resolver for every event source there is, AppSync's with `asyncio`,
before it hands over the one we use. `docs/decisions/0005` says what that costs.
"""

import sys
from importlib.util import find_spec, module_from_spec


def _enter_without_running(package: str) -> None:
    """Let the modules of a package be imported one by one: its own ``__init__`` never runs in this process."""
    spec = find_spec(package)
    if spec is None:
        raise ImportError(f"{package} is not installed")
    sys.modules.setdefault(package, module_from_spec(spec))


_enter_without_running("aws_lambda_powertools.event_handler")

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver, Response  # noqa: E402
from aws_lambda_powertools.event_handler.exceptions import NotFoundError  # noqa: E402
from aws_lambda_powertools.shared.cookies import Cookie, SameSite  # noqa: E402

__all__ = ["APIGatewayHttpResolver", "Cookie", "NotFoundError", "Response", "SameSite"]
