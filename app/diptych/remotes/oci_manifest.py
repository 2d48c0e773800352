"""Manifests of models in OCI registries: ModelPack as the CNCF specifies it, and ModelKit as KitOps has it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from diptych.domain.shipping import Content, Parcel, Shipment
from diptych.domain.version import Role, Version
from diptych.errors import Damaged, Refused
from diptych.remotes import oci_tar
from diptych.remotes.body import Body
from diptych.remotes.names import safe_name

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ACCEPTED = ", ".join((MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json"))
OWN = "app.diptych."
"""The prefix of annotations that are ours."""
LAYOUTS = ("raw", "tar", "kit")
_MODEL = "application/vnd.cncf.model."
_KIT = "application/vnd.kitops.modelkit."
_PATH = "org.cncf.model.filepath"
_METADATA = "org.cncf.model.file.metadata+json"
_UNTESTED = "org.cncf.model.file.mediatype.untested"
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_MOST_LAYERS = 100_000
_PARTS = {
    Role.WEIGHTS: "weight",
    Role.RESUME: "weight",
    Role.CONFIG: "weight.config",
    Role.TOKENIZER: "weight.config",
    Role.CODE: "code",
}


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that a registry keeps by its digest, and where its bytes come from."""

    sha256: str
    bytes: int
    parcel: Parcel
    before: Content = b""
    after: Content = b""

    @property
    def digest(self) -> str:
        """As registries write it."""
        return f"sha256:{self.sha256}"

    def body(
        self, start: int = 0, length: int | None = None, watch: Callable[[], Callable[[Content], object]] | None = None
    ) -> Body:
        """A range of it, to be sent; `watch` gives what sees the bytes of a try."""
        return Body(self.parcel, start, length, before=self.before, after=self.after, watch=watch)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a manifest as it was read."""

    digest: str
    bytes: int
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def archive(self) -> bool:
        """Whether it is a tar, rather than the file itself."""
        return ".tar" in self.media_type or self.media_type.endswith("+tar")

    @property
    def compressed(self) -> bool:
        """Whether its bytes must be expanded first."""
        return self.media_type.endswith(("gzip", "zstd"))

    @property
    def name(self) -> str:
        """The file it says it holds; empty where it does not say."""
        return self.annotations.get(_PATH, "") or self.annotations.get("org.opencontainers.image.title", "")

    @property
    def content(self) -> tuple[int, str]:
        """Size and digest of the file itself where it is known without looking into an archive; else -1 and nothing."""
        if not self.archive:
            return self.bytes, self.digest.removeprefix("sha256:")
        size, sha256 = self.annotations.get(f"{OWN}size", ""), self.annotations.get(f"{OWN}sha256", "")
        known = size.isascii() and size.isdigit() and len(size) < 20 and re.fullmatch("[0-9a-f]{64}", sha256)
        return (int(size), sha256) if known else (-1, "")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it lies in the registry."""

    content: bytes
    media_type: str
    artifact: str
    config: Layer
    layers: tuple[Layer, ...]
    annotations: Mapping[str, str]
    subject: str = ""

    @property
    def digest(self) -> str:
        """What names it."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


def archived(parcel: Parcel, sha256: str) -> Blob:
    """A parcel as a tar of its own; `sha256` is that of the whole archive."""
    before, after = oci_tar.frame(parcel.name, parcel.bytes)
    return Blob(sha256, len(before) + parcel.bytes + len(after), parcel, before, after)


def build(shipment: Shipment, layout: str, blobs: Mapping[str, Blob]) -> tuple[Blob, bytes]:
    """Config and manifest of a shipment whose parcels lie in `blobs`, by name; the same for the same content."""
    parcels = sorted(shipment.parcels, key=lambda parcel: parcel.name)
    digests = [blobs[parcel.name].digest for parcel in parcels]
    config = _kit_config(shipment.version, parcels) if layout == "kit" else _model_config(shipment.version, digests)
    content = dumped(config)
    prefix, artifact = (_KIT, "") if layout == "kit" else (_MODEL, f"{_MODEL}manifest.v1+json")
    holder = made("config.json", content)
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST}
    if artifact:
        manifest["artifactType"] = artifact
    manifest["config"] = _described(f"{prefix}config.v1+json", holder)
    parts = _kit_parts(parcels)
    manifest["layers"] = [
        _described(
            f"{_KIT}{parts[parcel.name]}.v1.tar" if layout == "kit" else f"{_MODEL}{_part(parcel)}.v1.{layout}",
            blobs[parcel.name],
            _layer_annotations(parcel, layout),
        )
        for parcel in parcels
    ]
    manifest["annotations"] = _annotations(shipment.version, layout)
    return holder, dumped(manifest)


def attached(version: Version, subject: bytes) -> tuple[Blob, Blob, bytes]:
    """The document of a version's origin and metrics: its blob, its config and the manifest that attaches it."""
    base = version.base
    document = made(
        "version.json",
        dumped(
            {
                "id": version.id,
                "name": version.name,
                "model": version.model,
                "step": version.step,
                "base": {"relation": str(base.relation), "name": base.name, "revision": base.revision}
                if base is not None
                else None,
                "metrics": dict(version.metrics),
                "hyperparameters": dict(version.hyperparameters),
            }
        ),
    )
    empty = made("empty.json", b"{}")
    artifact = "application/vnd.diptych.version.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact,
        "config": _described("application/vnd.oci.empty.v1+json", empty),
        "layers": [_described(artifact, document, {"org.opencontainers.image.title": "version.json"})],
        "subject": {
            "mediaType": MANIFEST,
            "digest": f"sha256:{hashlib.sha256(subject).hexdigest()}",
            "size": len(subject),
        },
        "annotations": {f"{OWN}version": version.id},
    }
    return document, empty, dumped(manifest)


def read(content: bytes) -> Manifest:
    """Read a manifest. Raises `Damaged` for one that breaks the rules, `Refused` for a list of manifests."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Damaged("the manifest is not JSON") from None
    if not isinstance(found, dict):
        raise Damaged("the manifest is not an object")
    if "manifests" in found:
        raise Refused("the reference stands for several manifests, not for one", "Name one of them by its digest.")
    layers = found.get("layers")
    if not isinstance(layers, list) or len(layers) > _MOST_LAYERS:
        raise Damaged("the manifest has no list of layers")
    subject = found.get("subject")
    return Manifest(
        content,
        _text(found.get("mediaType")) or MANIFEST,
        _text(found.get("artifactType")),
        _layer(found.get("config")),
        tuple(_layer(layer) for layer in layers),
        _texts(found.get("annotations")),
        _layer(subject).digest if subject is not None else "",
    )


def read_index(found: object) -> tuple[Layer, ...]:
    """The manifests that a list names. Raises `Damaged`."""
    listed = found.get("manifests") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_LAYERS:
        raise Damaged("what should list manifests does not")
    return tuple(_layer(entry) for entry in listed)


def named(layers: Sequence[Layer]) -> dict[str, Layer]:
    """The layers that hold one file each, by its name. Raises `Refused` for names that may not land anywhere."""
    found: dict[str, Layer] = {}
    for layer in layers:
        if layer.name and (not layer.archive or layer.content[0] >= 0):
            name = safe_name(layer.name)
            if name in found:
                raise Damaged(f"{name}: is named twice in the manifest")
            found[name] = layer
    return found


def made(name: str, content: bytes) -> Blob:
    """A blob of bytes that exist in memory alone."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Blob(sha256, len(content), Parcel(name, len(content), sha256, Role.OTHER, content=content))


def dumped(value: object) -> bytes:
    """JSON that is the same for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str).encode()


def _part(parcel: Parcel) -> str:
    return _PARTS.get(parcel.role, "doc")


def _layer_annotations(parcel: Parcel, layout: str) -> dict[str, str]:
    size = {"name": parcel.name, "mode": 0o644, "uid": 0, "gid": 0, "size": parcel.bytes, "typeflag": 0}
    found = {f"{OWN}size": str(parcel.bytes), f"{OWN}sha256": parcel.sha256}
    if layout == "kit":
        return {**found, "org.opencontainers.image.title": parcel.name}
    found |= {
        _PATH: parcel.name,
        _METADATA: json.dumps({**size, "mtime": "1970-01-01T00:00:00Z"}),
        _UNTESTED: "true",
    }
    return found


def _annotations(version: Version, layout: str) -> dict[str, str]:
    found = {
        "org.opencontainers.image.title": version.name,
        f"{OWN}version": version.id,
        f"{OWN}layout": layout,
    }
    if version.step is not None:
        found[f"{OWN}step"] = str(version.step)
    if version.base is not None:
        found[f"{OWN}base"] = version.base.name
        found[f"{OWN}relation"] = str(version.base.relation)
        if version.base.revision:
            found[f"{OWN}base.revision"] = version.base.revision
    if layout == "kit":
        found["ml.kitops.modelkit.cli-version"] = "1.10.0"
    return found


def _model_config(version: Version, digests: Sequence[str]) -> dict[str, object]:
    descriptor: dict[str, object] = {"name": version.model, "title": version.name, "revision": version.id}
    if version.family:
        descriptor["family"] = version.family
    if version.created is not None:
        descriptor["createdAt"] = datetime.fromtimestamp(int(version.created), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config: dict[str, object] = {}
    if version.family:
        config["architecture"] = version.family
    if version.format:
        config["format"] = version.format
    if version.parameters is not None:
        config["paramSize"] = _param_size(version.parameters)
    if version.dtype:
        config["precision"] = _PRECISIONS.get(version.dtype, version.dtype.lower())
    return {"descriptor": descriptor, "config": config, "modelfs": {"type": "layers", "diffIds": list(digests)}}


_PRECISIONS = {
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3",
    "F8_E5M2": "float8_e5m2",
    "I8": "int8",
    "U8": "uint8",
}


def _param_size(count: int) -> str:
    for unit, size in (("t", 10**12), ("b", 10**9), ("m", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def _kit_parts(parcels: Sequence[Parcel]) -> dict[str, str]:
    """What each file is in a ModelKit: the first weight file is the model, the other ones are parts of it."""
    weights = [parcel.name for parcel in parcels if parcel.role is Role.WEIGHTS]
    found = {}
    for parcel in parcels:
        if parcel.name in weights[:1]:
            found[parcel.name] = "model"
        elif parcel.role in (Role.WEIGHTS, Role.CONFIG, Role.TOKENIZER, Role.RESUME):
            found[parcel.name] = "modelpart"
        else:
            found[parcel.name] = "code" if parcel.role is Role.CODE else "docs"
    return found


def _kit_config(version: Version, parcels: Sequence[Parcel]) -> dict[str, object]:
    parts = _kit_parts(parcels)
    kitfile: dict[str, Any] = {
        "manifestVersion": "1.0.0",
        "package": {"name": version.model, "version": version.short_id, "description": version.name},
    }
    for key, kind in (("docs", "docs"), ("code", "code")):
        listed = [{"path": name} for name in parts if parts[name] == kind]
        if listed:
            kitfile[key] = listed
    model = next((name for name in parts if parts[name] == "model"), None)
    if model is not None:
        kitfile["model"] = {
            "name": version.model,
            "path": model,
            "framework": version.format,
            "parts": [{"path": name} for name in parts if parts[name] == "modelpart"],
        }
    return kitfile


def _described(media_type: str, blob: Blob, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"mediaType": media_type, "digest": blob.digest, "size": blob.bytes}
    if annotations:
        found["annotations"] = dict(annotations)
    return found


def _layer(found: object) -> Layer:
    if not isinstance(found, dict):
        raise Damaged("the manifest has something in it that is not a layer")
    digest, size = found.get("digest"), found.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise Damaged("the manifest has a layer whose digest is not one of SHA-256")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 63:
        raise Damaged("the manifest has a layer without a size")
    return Layer(digest, size, _text(found.get("mediaType")), _texts(found.get("annotations")))


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _texts(found: object) -> dict[str, str]:
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}
