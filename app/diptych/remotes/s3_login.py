"""Signatures for S3, and where the server of a bucket is. The signing itself is botocore's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.errors import Refused
from diptych.job import Job, Tick
from diptych.remotes.answers import Answer
from diptych.remotes.wire import Wire

USUAL_REGION = "us-east-1"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The digest of no bytes."""
UNSIGNED = "UNSIGNED-PAYLOAD"
"""In place of a digest: the signature is for the request alone, and not for the bytes that it brings."""
_REGION = re.compile("[A-Za-z0-9-]{1,64}")
_SIGNED = ("content-type", "range", "if-match", "if-none-match")


class _Auth(S3SigV4Auth):
    """Signs the digest that the request brings, where botocore would read the body for it."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["payload"])


class Signature:
    """The login of a request: each one is signed anew, with the moment, what it asks for and the digest of its body."""

    def __init__(self, secret: Secret, region: str) -> None:
        self._auth = _Auth(Credentials(secret.user, secret.reveal()), "s3", region)

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The signature and what it needs beside it."""
        known = {name.lower(): value for name, value in headers.items()}
        kept = {name: value for name, value in known.items() if name in _SIGNED or name.startswith("x-amz-")}
        request = AWSRequest(method=method, url=url, headers=kept)
        request.context["payload"] = known.get("x-amz-content-sha256", NOTHING)
        self._auth.add_auth(request)
        return {name: value for name, value in request.headers.items() if name.lower() not in known}

    def renew(self, wire: Wire, answer: Answer) -> Job[bool]:
        """There is nothing else to try."""
        yield Tick("Signing in")
        return False


def server_of(address: Address, options: Mapping[str, str]) -> tuple[str, str]:
    """The origin that serves a bucket, and the path of the bucket there.

    With an endpoint of its own the bucket is a path; at AWS it is a part of the host's name, unless dots in it would
    not fit the certificate. Raises `Refused` for an endpoint that is not one.
    """
    region = region_of(options)
    endpoint = options.get("endpoint", "").strip()
    if address.port is not None or not address.host:
        raise Refused(f"{address}: names no bucket", "Write s3://bucket/prefix; the server goes into the endpoint.")
    if not endpoint:
        if "." in address.host:
            return f"https://s3.{region}.amazonaws.com", f"/{address.host}"
        return f"https://{address.host}.s3.{region}.amazonaws.com", ""
    try:
        split = urlsplit(endpoint)
        named = bool(split.hostname) and (split.port or 1) > 0
    except ValueError:
        named = False
    if not named or split.scheme not in ("https", "http") or split.path.strip("/") or split.query or split.fragment:
        raise Refused("the endpoint is not the address of a server", "Write https://host or https://host:port.")
    if "@" in split.netloc:
        raise Refused("the endpoint holds a user name or password", "Keep secrets out of addresses.")
    return f"{split.scheme}://{split.netloc.lower()}", f"/{address.host}"


def region_of(options: Mapping[str, str]) -> str:
    """The region to sign for. Raises `Refused` for what cannot be one."""
    region = options.get("region", "").strip() or USUAL_REGION
    if not _REGION.fullmatch(region):
        raise Refused("the region is not one", f"Write it like {USUAL_REGION}.")
    return region
