"""What an OCI registry is asked, one request after the other, as the distribution specification has it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from urllib.parse import quote, urljoin, urlsplit

from diptych.domain.address import Address
from diptych.domain.secret import Secret
from diptych.errors import Damaged, NotFound, Refused
from diptych.job import Job
from diptych.remotes import answers, oci_manifest
from diptych.remotes.answers import Answer
from diptych.remotes.network import Network
from diptych.remotes.oci_login import Login
from diptych.remotes.oci_manifest import Layer, Manifest
from diptych.remotes.wire import Lost, Wire

_NAME = re.compile("[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_LARGEST_MANIFEST = 4 << 20
_MOST_PAGES = 1000


class Registry:
    """One repository of a registry."""

    def __init__(self, address: Address, secret: Secret | None, network: Network, giver: str = "") -> None:
        if not _NAME.fullmatch(address.path) or len(address.path) > 255:
            raise Refused(
                f"{address}: no name of a repository",
                "Use small letters and digits, with single . _ or - in between, and slashes.",
            )
        self.login = Login(secret, address.path, giver)
        self.wire = Wire(address.origin, network, self.login)
        self.repository = address.path
        self.host = address.authority
        self._greeted = False

    def greet(self) -> Job[Answer]:
        """Ask whether it is a registry that lets us in, so that nothing large goes before the login was accepted."""
        return (yield from self.wire.ask("GET", "/v2/", what="signing in"))

    def ready(self) -> Job[None]:
        """Greet it once."""
        if not self._greeted:
            yield from self.greet()
            self._greeted = True

    def ask(
        self,
        method: str,
        path: str,
        what: str,
        *,
        accept: Collection[int] = (200,),
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        retry: bool = True,
    ) -> Job[Answer]:
        """One request beneath this repository."""
        return (
            yield from self.wire.ask(
                method,
                f"/v2/{self.repository}/{path}",
                what=what,
                accept=accept,
                headers=headers,
                content=content,
                retry=retry,
                follow=method in ("GET", "HEAD"),
            )
        )

    def holds(self, digest: str, retry: bool = True) -> Job[int]:
        """The size of a blob, or -1 where it is not there."""
        answer = yield from self.ask("HEAD", f"blobs/{digest}", "asking what is there", accept=(200, 404), retry=retry)
        size = answer.headers.get("content-length", "")
        return -1 if answer.status == 404 else int(size) if size.isascii() and size.isdigit() else 0

    def manifest(self, reference: str) -> Job[Manifest | None]:
        """The manifest that a tag or digest names, checked against its digest; None where there is none."""
        if not _TAG.fullmatch(reference) and not _DIGEST.fullmatch(reference):
            return None
        what = f"reading the manifest of {reference[:20]}"
        answer = yield from self.ask(
            "GET", f"manifests/{reference}", what, accept=(200, 404), headers={"Accept": oci_manifest.ACCEPTED}
        )
        if answer.status == 404:
            return None
        if len(answer.content) > _LARGEST_MANIFEST:
            raise Refused(f"{self.host}: its manifest of {reference[:20]} is too long")
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        said = answer.headers.get("docker-content-digest", digest)
        wanted = reference if ":" in reference else digest
        if digest != wanted or (said != digest and said.startswith("sha256:")):
            raise Damaged(f"{self.host}: its manifest of {reference[:20]} has another digest than it should")
        try:
            return oci_manifest.read(answer.content)
        except Damaged as error:
            raise Damaged(f"{self.host}: {error.message}", "Something else may have been pushed there.") from None

    def wanted(self, reference: str) -> Job[Manifest]:
        """The manifest that a tag or digest names. Raises `NotFound`."""
        found = yield from self.manifest(reference)
        if found is None:
            raise NotFound(f"{self.host}: {self.repository} has no version {reference[:80]!r}", "List what is there.")
        return found

    def put_manifest(self, reference: str, content: bytes, media_type: str = oci_manifest.MANIFEST) -> Job[Answer]:
        """Store a manifest under a tag or its digest. What the registry makes of it is checked."""
        answer = yield from self.ask(
            "PUT",
            f"manifests/{reference}",
            f"storing the manifest of {reference[:20]}",
            accept=(201,),
            headers={"Content-Type": media_type},
            content=content,
        )
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if answer.headers.get("docker-content-digest", digest) != digest:
            raise Damaged(f"{self.host}: has stored another manifest than was sent")
        return answer

    def tags(self) -> Job[tuple[str, ...]]:
        """All tags, in the registry's order; none where there is no such repository."""
        found: dict[str, None] = {}
        url = f"/v2/{self.repository}/tags/list?n=1000"
        for _ in range(_MOST_PAGES):
            answer = yield from self.wire.ask("GET", url, what="listing the tags", accept=(200, 404), follow=True)
            if answer.status == 404:
                break
            listed = answer.json()
            tags = listed.get("tags") if isinstance(listed, dict) else None
            fresh = [tag for tag in tags or () if isinstance(tag, str) and _TAG.fullmatch(tag) and tag not in found]
            found |= dict.fromkeys(fresh)
            further = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', answer.headers.get("link", ""))
            if further is None or not fresh:
                break
            url = urljoin(answer.url, further[1])
            if urlsplit(url).netloc != urlsplit(self.wire.origin).netloc:
                raise Refused(f"{self.host}: lists its tags at another server")
        return tuple(found)

    def fetch(self, layer: Layer, start: int, length: int) -> Job[bytes]:
        """A range of a blob, exactly `length` bytes."""
        if not length:
            return b""
        held = bytearray()

        def take(piece: bytes) -> None:
            if len(held) + len(piece) > length:
                raise Damaged(f"{self.host}: sends more than was asked for")
            held.extend(piece)

        tries = 0
        while len(held) < length:
            try:
                yield from self._range(layer, start + len(held), length - len(held), take)
            except Lost:
                tries += 1
                if tries >= self.wire.network.attempts:
                    raise
                yield from self.wire.wait(answers.pause(None, tries, self.wire.network.longest_wait), "Trying again")
                continue
            if len(held) < length:
                raise Damaged(f"{self.host}: sends less than was asked for")
        return bytes(held)

    def _range(self, layer: Layer, start: int, length: int, take: Callable[[bytes], None]) -> Job[None]:
        end = start + length - 1
        whole = start == 0 and length == layer.bytes
        answer = yield from self.wire.ask(
            "GET",
            f"/v2/{self.repository}/blobs/{layer.digest}",
            what="reading a range",
            headers={} if whole else {"Range": f"bytes={start}-{end}"},
            accept=(200,) if whole else (206,),
            follow=True,
            sink=take,
        )
        told = answer.headers.get("content-range", "")
        if not whole and not re.fullmatch(rf"bytes {start}-{end}/(\d+|\*)", told):
            raise Damaged(f"{self.host}: sends another range than was asked for")

    def stream(self, layer: Layer, take: Callable[[bytes], None], received: Callable[[], int]) -> Job[None]:
        """A whole blob into `take`, going on where a connection breaks. Digests are for the caller to check."""
        tries = 0
        before = received()
        while (place := received()) < layer.bytes or not layer.bytes:
            headers = {"Range": f"bytes={place}-"} if place else {}
            try:
                yield from self.wire.ask(
                    "GET",
                    f"/v2/{self.repository}/blobs/{layer.digest}",
                    what="fetching a file",
                    headers=headers,
                    accept=(206,) if place else (200,),
                    follow=True,
                    sink=take,
                )
            except Lost:
                tries = 1 if received() > before else tries + 1
                before = received()
                if tries >= self.wire.network.attempts:
                    raise
                yield from self.wire.wait(answers.pause(None, tries, self.wire.network.longest_wait), "Trying again")
                continue
            if received() != layer.bytes:
                raise Damaged(f"{self.host}: a file is shorter than announced", "Try again, or verify the remote.")
            return

    def close(self) -> None:
        """End its connections."""
        self.wire.close()


def tag_of(reference: str) -> str:
    """`reference` as a tag, or the usual one. Raises `Refused` for what no tag may be."""
    tag = reference or "latest"
    if not _TAG.fullmatch(tag):
        raise Refused(f"{tag[:80]!r}: no name of a tag", "Use letters, digits, _ . and -, at most 128 of them.")
    return tag


def escaped(text: str) -> str:
    """`text` as one part of a query."""
    return quote(text, safe="")
