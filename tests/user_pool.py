"""A user pool in this process: what Cognito's pages, token endpoint and published keys answer, over `requests`."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

PAGES = "https://sign-in.example.org"
CLIENT = "client-of-the-service"
ISSUER = "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_people"
KEYS_URL = f"{ISSUER}/.well-known/jwks.json"
CALLBACK = "https://visits.example.org/auth/callback"
NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
"""The time as the pool has it."""

KEY = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}, private=True)
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}, private=True)
NEWER_KEY = RSAKey.generate_key(2048, {"kid": "two", "alg": "RS256", "use": "sig"}, private=True)


@dataclass
class UserPool:
    """Answers as Cognito does; a test changes what it says."""

    claims: dict[str, Any] = field(default_factory=dict)
    """Of the next ID tokens, over what they should say; None leaves one out."""
    key: RSAKey = field(default_factory=lambda: KEY)
    published: list[RSAKey] = field(default_factory=lambda: [KEY])
    forged: Callable[[str, bytes], bytes] | None = None
    """How a forger signs: from an algorithm's name and what is to be signed."""
    algorithm: str = "RS256"
    broken: requests.RequestException | tuple[int, str] | None = None
    """What it answers instead: an error, or a status and a body."""
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def come_back_from(self, location: str) -> dict[str, str]:
        """Let somebody sign in on the page at ``location``; return the query they come back with."""
        parts = urlsplit(location)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{PAGES}/oauth2/authorize"
        sent = dict(parse_qsl(parts.query))
        assert sent["client_id"] == CLIENT
        assert sent["redirect_uri"] == CALLBACK
        assert sent["response_type"] == "code"
        assert sent["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = sent
        return {"code": code, "state": sent["state"]}

    def answer(self, request: requests.PreparedRequest) -> tuple[int, str]:
        """Return status and body for a request of the service's."""
        self.asked.append(f"{request.method} {request.url}")
        assert "client_secret" not in str(request.body)
        if request.url == KEYS_URL:
            assert "Authorization" not in request.headers
            return 200, json.dumps(KeySet([*self.published]).as_dict(private=False))
        assert (request.method, request.url) == ("POST", f"{PAGES}/oauth2/token")
        form = {name: values[0] for name, values in parse_qs(str(request.body)).items()}
        begun = self._codes.pop(form["code"], None)
        challenge = _base64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if begun is None or challenge != begun["code_challenge"] or form["redirect_uri"] != CALLBACK:
            return 400, '{"error":"invalid_grant"}'
        said = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "sub-of-ada",
            "token_use": "id",
            "iat": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 300,
            "nonce": begun["nonce"],
            "email": "Ada@people.example.org",
            "email_verified": True,
            "name": "Ada Quillfeather",
            "cognito:username": "sub-of-ada",
            "cognito:groups": ["organisers"],
        }
        claims = {name: value for name, value in (said | self.claims).items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        token = self._forge(header, claims) if self.forged else jwt.encode(header, claims, self.key)
        return 200, json.dumps({"access_token": "access", "id_token": token, "token_type": "Bearer"})

    def _forge(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        assert self.forged
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{_base64(self.forged(self.algorithm, signed.encode()))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture
def user_pool(monkeypatch: pytest.MonkeyPatch) -> UserPool:
    """A user pool that answers whatever the service asks over HTTP, on a clock of its own."""
    from accounts import sign_in
    from kernel import clock

    pool = UserPool()

    def send(_adapter: object, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        assert settings["timeout"] == (2, 8), "every call has time-outs"
        assert not settings["proxies"]
        if isinstance(pool.broken, requests.RequestException):
            raise pool.broken
        answer = requests.Response()
        answer.request, answer.url = request, str(request.url)
        answer.status_code, body = pool.broken or pool.answer(request)
        answer._content = body.encode()
        return answer

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    monkeypatch.setattr(sign_in, "_keys", {})
    monkeypatch.setattr(clock, "unmoved", lambda: NOW)
    return pool
