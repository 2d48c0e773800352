"""How versions lie in a bucket: content under its digest, manifests, and tags that point to manifests.

Below the prefix of the address, which names the model:

    blobs/sha256/<digest>               every file once, whichever versions hold it
    versions/<digest>/manifest.json     the files of a version; `<digest>` is that of the manifest itself
    tags/<name>                         `sha256:` and the digest of the manifest that the tag shows

A version is there for others when its manifest is. That is written last, and only where there is none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable

from diptych.display import listing, visible
from diptych.domain.shipping import Ref
from diptych.errors import Conflict, Damaged, NotFound
from diptych.job import Job
from diptych.remotes.manifest import Manifest, read_manifest
from diptych.remotes.s3_bucket import Bucket, Stored

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_WHOLE = re.compile("[0-9a-f]{64}")
_PART = re.compile("[0-9a-f]{8,64}")


class Store:
    """The versions of one model in a bucket."""

    def __init__(self, bucket: Bucket, prefix: str, title: str) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._title = title

    def blob(self, sha256: str) -> str:
        """The key of the content with this digest."""
        return f"{self.prefix}blobs/sha256/{sha256}"

    def stored(self, digests: Iterable[str], what: str) -> Job[dict[str, Stored]]:
        """What the bucket holds of some contents, by digest."""
        found: dict[str, Stored] = {}
        for sha256 in dict.fromkeys(digests):
            blob = yield from self.bucket.stat(self.blob(sha256), what)
            if blob is not None:
                found[sha256] = blob
        return found

    def shown(self, tag: str) -> Job[str]:
        """The digest of the manifest that a tag shows; empty where there is no such tag."""
        content = yield from self.bucket.get(self._tag(tag), "asking for the tag")
        if content is None:
            return ""
        digest = content[:100].decode("ascii", "replace").strip().removeprefix("sha256:")
        if not _WHOLE.fullmatch(digest):
            raise Damaged(f"{visible(tag)} of {self._title}: points to nothing", "Push to this tag again.")
        return digest

    def manifest(self, digest: str) -> Job[Manifest | None]:
        """A manifest; None where there is none. Raises `Damaged` where it is not the one of that digest."""
        content = yield from self.bucket.get(self._manifest(digest), "reading the manifest")
        if content is None:
            return None
        where = f"{digest[:8]} of {self._title}"
        if hashlib.sha256(content).hexdigest() != digest:
            raise Damaged(f"{where}: its manifest was changed", "Push the version again under another prefix.")
        return read_manifest(content, where)

    def resolve(self, ref: str) -> Job[tuple[str, Manifest]]:
        """The version that `ref` names: a tag, or eight digits or more of a digest. `NotFound` names what there is."""
        named = ref.removeprefix("sha256:")
        digest = named if _WHOLE.fullmatch(named) else ""
        if not digest and TAG.fullmatch(ref):
            digest = yield from self.shown(ref)
        if not digest and _PART.fullmatch(named):
            found = [one for one, _ in (yield from self._versions()) if one.startswith(named)]
            digest = found[0] if len(found) == 1 else ""
        manifest = (yield from self.manifest(digest)) if digest else None
        if manifest is None:
            names = listing((each.name for each in (yield from self.refs()) if each.kind == "tag"), 5)
            raise NotFound(
                f"{visible(ref)}: not at {self._title}", f"There are: {names}." if names else "There is no tag yet."
            )
        return digest, manifest

    def refs(self) -> Job[tuple[Ref, ...]]:
        """Tags, and versions by the digests of their manifests; the newest first."""
        refs = []
        tags = f"{self.prefix}tags/"
        for stored in (yield from self.bucket.list(tags, "listing tags")):
            name = stored.key.removeprefix(tags)
            if TAG.fullmatch(name):
                target = yield from self.shown(name)
                refs.append(Ref(name, "tag", f"sha256:{target}", stored.modified))
        for digest, written in (yield from self._versions()):
            refs.append(Ref(f"sha256:{digest}", "version", f"sha256:{digest}", written))
        return tuple(sorted(refs, key=lambda ref: (-(ref.created or 0), ref.kind, ref.name)))

    def publish(self, manifest: Manifest) -> Job[None]:
        """Write the manifest, unless it is there. Raises `Conflict` where something else has its place."""
        what = "writing the manifest"
        key, content = self._manifest(manifest.digest), manifest.dump()
        if (yield from self.bucket.put(key, content, what, {"if-none-match": "*"})):
            return
        if (yield from self.bucket.get(key, what)) != content:
            raise Conflict(
                f"{manifest.digest[:8]} of {self._title}: something else is in the place of its manifest",
                "Remove it there, or push under another prefix.",
            )

    def move(self, tag: str, shown: str, digest: str) -> Job[None]:
        """Let `tag` show another manifest than `shown`. Raises `Conflict` where it shows yet another one meanwhile."""
        what, content = "moving the tag", f"sha256:{digest}\n".encode()
        condition = {} if shown else {"if-none-match": "*"}
        now = yield from self.expect(tag, (shown, digest))
        if now == digest or (yield from self.bucket.put(self._tag(tag), content, what, condition)):
            return
        yield from self.expect(tag, (digest,))

    def expect(self, tag: str, digests: Collection[str]) -> Job[str]:
        """What `tag` shows. Raises `Conflict` where it is none of `digests`."""
        now = yield from self.shown(tag)
        if now not in digests:
            raise Conflict(
                f"{tag} of {self._title}: shows another version than it did when the push was planned",
                "Look at the plan again.",
            )
        return now

    def _versions(self) -> Job[list[tuple[str, float | None]]]:
        begin, end = f"{self.prefix}versions/", "/manifest.json"
        found = []
        for stored in (yield from self.bucket.list(begin, "listing versions")):
            digest = stored.key.removeprefix(begin).removesuffix(end)
            if _WHOLE.fullmatch(digest) and stored.key.endswith(end):
                found.append((digest, stored.modified))
        return found

    def _manifest(self, digest: str) -> str:
        return f"{self.prefix}versions/{digest}/manifest.json"

    def _tag(self, name: str) -> str:
        return f"{self.prefix}tags/{name}"
