"""Clients of AWS, all from one session: the service descriptions are read once a container.

Every client has time-outs. Its retries are botocore's ``standard`` mode, or none where a repeat would do harm
(`kernel.table.unretried`, `SendEmail`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from pynamodb.connection._botocore_private import BotocoreBaseClientPrivate

CONNECT_SECONDS = 2
READ_SECONDS = 8


@cache
def session() -> botocore.session.Session:
    """Return the one botocore session of this container."""
    return botocore.session.get_session()


@overload
def client(service: Literal["cognito-idp"], *, attempts: int = 4) -> CognitoIdentityProviderClient: ...
@overload
def client(service: Literal["dynamodb"], *, attempts: int = 4) -> BotocoreBaseClientPrivate: ...
@overload
def client(service: Literal["events"], *, attempts: int = 4) -> EventBridgeClient: ...
@overload
def client(service: Literal["s3"], *, attempts: int = 4) -> S3Client: ...
@overload
def client(service: Literal["scheduler"], *, attempts: int = 4) -> EventBridgeSchedulerClient: ...
@overload
def client(service: Literal["secretsmanager"], *, attempts: int = 4) -> SecretsManagerClient: ...
@overload
def client(service: Literal["sesv2"], *, attempts: int = 4) -> SESV2Client: ...
@overload
def client(service: Literal["sqs"], *, attempts: int = 4) -> SQSClient: ...
@cache
def client(service: str, *, attempts: int = 4) -> Any:  # botocore makes its clients' classes at run time
    """Return the client of a service, made once; ``attempts=1`` never repeats a call."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        parameter_validation=False,  # our types say what a call takes; checking it again costs on every call
        retries={"total_max_attempts": attempts, "mode": "standard"},
        # Else botocore would sign S3's addresses in its old way, which does not open what a key of KMS encrypts.
        signature_version="s3v4" if service == "s3" else None,
    )
    made: Any = session().create_client(service, config=config)
    # Clients of one service share its connections: each of its own would read the certificates and shake hands anew.
    made._endpoint.http_session = _connections.setdefault(service, made._endpoint.http_session)
    return made


_connections: dict[str, object] = {}
