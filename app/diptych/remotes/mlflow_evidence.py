"""What of a version is told to MLflow beside its files: parameters, metrics, tags, and the `MLmodel` file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TypeVar

from diptych.domain.shipping import Shipment
from diptych.domain.version import Version

T = TypeVar("T")
MANIFEST = "diptych.json"
"""The file that lists the others, beside them."""
MODEL_FILE = "MLmodel"
"""What makes a folder a model to MLflow."""
DIGEST_TAG = "diptych.manifest"
"""The tag that holds the digest of the manifest."""
PUSH_TAG = "diptych.push"
"""The tag by which an unfinished push finds what it has made."""
_NOT_A_KEY = re.compile(r"[^\w.\- :/]")
_LONGEST_KEY = 250
_LONGEST_PARAM = 6000
_MOST_PARAMS = 100
_MOST_METRICS = 900  # of 1000 entities in one request


def version_tags(shipment: Shipment, digest: str) -> list[dict[str, str]]:
    """Tags of a model version."""
    version = shipment.version
    told = {
        DIGEST_TAG: digest,
        "diptych.version": version.id,
        "diptych.name": version.name,
        "diptych.format": version.format,
        "diptych.dtype": version.dtype,
        "diptych.family": version.family,
        "diptych.base": version.base.name if version.base is not None else "",
        "diptych.step": str(version.step) if version.step is not None else "",
    }
    return [{"key": key, "value": value[:5000]} for key, value in told.items() if value]


def params(version: Version) -> list[dict[str, str]]:
    """Hyperparameters, as MLflow takes them: text of limited length."""
    return [
        {"key": key, "value": (value if isinstance(value, str) else json.dumps(value, default=str))[:_LONGEST_PARAM]}
        for key, value in _named(version.hyperparameters)
        if value is not None
    ]


def metrics(version: Version, model: str) -> list[dict[str, object]]:
    """The newest value of each metric; the same moment every time, so that telling them twice changes nothing."""
    moment = int((version.created or 0) * 1000)
    told: dict[str, object] = {"timestamp": moment, "step": version.step or 0}
    if model:
        told["model_id"] = model
    return [
        {"key": key, "value": value, **told} for key, value in _named(version.metrics) if math.isfinite(float(value))
    ]


def batches(version: Version, model: str) -> Iterator[dict[str, object]]:
    """Parameters and metrics in portions that MLflow takes in one request."""
    some = _portions(params(version), _MOST_PARAMS)
    few = _portions(metrics(version, model), _MOST_METRICS)
    for settings, values in zip_longest(some, few, fillvalue=()):
        yield {"params": settings, "metrics": values}


def datasets(shipment: Shipment) -> list[dict[str, object]]:
    """The data sets that records name, as inputs of a run."""
    return [
        {
            "dataset": {
                "name": data.name[:500],
                "digest": (data.revision or "unknown")[:36],
                "source_type": "hf" if data.name.count("/") == 1 else "local",
                "source": json.dumps({"path": data.name, "config": data.config, "split": data.split}),
            },
            "tags": [{"key": "mlflow.data.context", "value": data.role}] if data.role else [],
        }
        for data in {data.name: data for data in shipment.datasets}.values()
    ]


def model_file(version: Version, run: str, model: str, created: str) -> bytes:
    """The `MLmodel` file, in YAML; texts are quoted as JSON has it, which is YAML as well."""
    lines = [
        "flavors:",
        "  diptych:",
        *(
            f"    {key}: {json.dumps(value)}"
            for key, value in (
                ("name", version.name),
                ("version", version.id),
                ("format", version.format),
                ("family", version.family),
                ("dtype", version.dtype),
                ("files", MANIFEST),
            )
        ),
        *([f"model_id: {json.dumps(model)}"] if model else []),
        f"run_id: {json.dumps(run)}",
        f"utc_time_created: {json.dumps(created)}",
    ]
    return "\n".join(lines).encode() + b"\n"


def _named(values: Mapping[str, T]) -> Iterator[tuple[str, T]]:
    """Values under keys that MLflow takes; the first of those that become one."""
    taken = set()
    for name, value in values.items():
        key = _NOT_A_KEY.sub("_", name).strip("/")[:_LONGEST_KEY]
        if key and key not in taken:
            taken.add(key)
            yield key, value


def _portions(rows: list[T], most: int) -> Iterator[Sequence[T]]:
    return (rows[at : at + most] for at in range(0, len(rows), most))
