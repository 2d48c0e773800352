"""Documents attached to a manifest: found by the referrers API, or by the tag that stands in for it."""

from __future__ import annotations

import hashlib
import json
import re

from diptych.domain.shipping import Journal
from diptych.domain.version import Version
from diptych.errors import Damaged
from diptych.job import Job
from diptych.remotes import oci_manifest
from diptych.remotes.oci_manifest import INDEX, Layer
from diptych.remotes.oci_registry import Registry
from diptych.remotes.oci_upload import Upload

_FALLBACK = re.compile("sha256-[0-9a-f]{64}")


def is_fallback(tag: str) -> bool:
    """Whether a tag stands in for the referrers API, rather than for a version."""
    return _FALLBACK.fullmatch(tag) is not None


def attach(registry: Registry, version: Version, subject: bytes, journal: Journal) -> Job[None]:
    """Attach what is known of `version` to the manifest `subject`, unless just that is attached already."""
    document, empty, content = oci_manifest.attached(version, subject)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    target = f"sha256:{hashlib.sha256(subject).hexdigest()}"
    listed, api = yield from listing(registry, target)
    if any(layer.digest == digest for layer in listed):
        return
    for blob in (document, empty):
        if (yield from registry.holds(blob.digest)) < 0:
            yield from Upload(registry, blob, journal).run()
    answer = yield from registry.put_manifest(digest, content)
    if not api and "oci-subject" not in answer.headers:
        artifact = str(json.loads(content)["artifactType"])
        own = Layer(digest, len(content), oci_manifest.MANIFEST)
        kept = [_described(layer) for layer in listed]
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [*kept, {**_described(own), "artifactType": artifact}],
        }
        yield from registry.put_manifest(target.replace(":", "-"), oci_manifest.dumped(index), media_type=INDEX)


def listing(registry: Registry, target: str) -> Job[tuple[tuple[Layer, ...], bool]]:
    """What is attached to the manifest with the digest `target`, and whether the registry has the API for it."""
    answer = yield from registry.ask(
        "GET", f"referrers/{target}", "asking what is attached", accept=(200, 404, 405), headers={"Accept": INDEX}
    )
    api = answer.status == 200
    if not api:
        answer = yield from registry.ask(
            "GET",
            f"manifests/{target.replace(':', '-')}",
            "asking what is attached",
            accept=(200, 404),
            headers={"Accept": INDEX},
        )
    if answer.status != 200:
        return (), api
    try:
        return oci_manifest.read_index(answer.json()), api
    except Damaged as error:
        raise Damaged(f"{registry.host}: {error.message}") from None


def _described(layer: Layer) -> dict[str, object]:
    found: dict[str, object] = {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.bytes}
    if layer.annotations:
        found["annotations"] = dict(layer.annotations)
    return found
