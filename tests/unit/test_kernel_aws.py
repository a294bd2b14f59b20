from typing import Any

from kernel import aws

# botocore's own types leave out what these look at.
PATIENT: Any = aws.client("dynamodb")
HASTY: Any = aws.client("dynamodb", attempts=1)
SECRETS: Any = aws.client("secretsmanager")


def test_clients_of_one_service_share_connections_whatever_their_attempts() -> None:
    assert PATIENT is not HASTY
    assert PATIENT._endpoint.http_session is HASTY._endpoint.http_session


def test_clients_of_one_service_keep_their_own_attempts() -> None:
    assert [client.meta.config.retries["total_max_attempts"] for client in (PATIENT, HASTY)] == [4, 1]


def test_clients_of_two_services_have_connections_of_their_own() -> None:
    assert PATIENT._endpoint.http_session is not SECRETS._endpoint.http_session
