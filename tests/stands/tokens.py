"""A docker-registry that wants tokens, and the server that gives them for a password."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from stands.authority import Authority
from stands.oci import PASSWORD, USER, Registry
from stands.proxy import Reply, Request
from stands.scripted import Scripted, scripted, told

SERVICE, ISSUER = "registry of the tests", "giver of the tests"


@dataclass
class Tokens:
    """The registry, and what its token server was asked."""

    registry: Registry
    giver: Scripted
    seconds: float = 300
    """How long a token is good."""


@contextmanager
def with_tokens(folder: Path) -> Iterator[Tokens]:
    """Start both."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(folder)
    signer = authority.vouch("signer")
    key = serialization.load_pem_private_key(signer.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    chain = x509.load_pem_x509_certificate(signer.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
    made: list[Tokens] = []

    def token(scopes: list[str]) -> str:
        access = []
        for scope in " ".join(scopes).split():
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": USER,
            "aud": SERVICE,
            "exp": now + made[0].seconds,
            "nbf": now - 10,
            "iat": now,
            "jti": str(time.time_ns()),
            "access": access,
        }
        head = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(chain).decode()]}
        text = f"{_packed(json.dumps(head).encode())}.{_packed(json.dumps(claims).encode())}"
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_packed(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def give(request: Request, writer: asyncio.StreamWriter) -> Reply:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != wanted:
            return told(401, b'{"details": "incorrect username or password"}')
        asked = parse_qs(urlsplit(request.path).query)
        assert asked["service"] == [SERVICE]
        return told(200, json.dumps({"token": token(asked.get("scope", []))}).encode())

    with scripted(give) as giver:
        auth = {
            "realm": f"http://127.0.0.1:{giver.port}/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(authority.file),
        }
        registry = Registry(folder / "registry", auth={"token": auth})
        made.append(Tokens(registry, giver))
        try:
            yield made[0]
        finally:
            registry.close()


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
