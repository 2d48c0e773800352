"""A long run in the catalog without its files: checkpoints and made-up fingerprints, as many as wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from diptych.domain.fingerprint import Fingerprint, TensorPrint
from diptych.domain.found import Found
from diptych.domain.version import Artifact, Digest, Kind, Role, State
from diptych.workbench import Workbench

MODULES = {
    "self_attn.q_proj": 1.0, "self_attn.k_proj": 0.6, "self_attn.v_proj": 0.8, "self_attn.o_proj": 0.9,
    "mlp.gate_proj": 1.3, "mlp.up_proj": 1.4, "mlp.down_proj": 1.2, "input_layernorm": 0.0,
}  # fmt: skip
"""The modules of a layer, and how fast they move."""
_CELLS = 128
_SHAPE = (64, 64)


def long_run(
    workbench: Workbench, model: str, steps: int, layers: int, unread: tuple[int, ...] = (), scale: int = 500
) -> None:
    """Put a run of `steps` checkpoints into the catalog; those of `unread` (by number) get no fingerprint.

    Layers move the farther the higher they stand, embeddings only in the first half, norms never.
    """
    chance = np.random.default_rng(11)
    speeds = {"model.embed_tokens.weight": 0.5}
    for layer in range(layers):
        for module, speed in MODULES.items():
            speeds[f"model.layers.{layer}.{module}.weight"] = speed * (0.2 + layer / max(layers, 1))
    speeds["model.norm.weight"] = 0.0
    cells = {name: chance.standard_normal(_CELLS).astype(np.float32) for name in speeds}
    drift = {name: chance.standard_normal(_CELLS).astype(np.float32) for name in speeds}
    bend = {name: chance.standard_normal(_CELLS).astype(np.float32) for name in speeds}
    places = [Path("/nowhere") / model / f"checkpoint-{(number + 1) * scale}" for number in range(steps)]
    workbench.catalog.store([_found(model, place, (number + 1) * scale) for number, place in enumerate(places)])
    digests = {name: f"{number:032x}" for number, name in enumerate(speeds)}
    for number, place in enumerate(places):
        rate = 0.03 * np.exp(-3 * number / steps)
        turn = 2.5 * number / steps
        for name, speed in speeds.items():
            still = not speed or number == 0 or (name == "model.embed_tokens.weight" and number > steps / 2)
            if not still:
                noise = chance.standard_normal(_CELLS).astype(np.float32)
                way = np.cos(turn) * drift[name] + np.sin(turn) * bend[name] + 0.6 * noise
                cells[name] = cells[name] + np.float32(rate * speed) * way.astype(np.float32)
                digests[name] = f"{number:016x}{abs(hash(name)) % 16**16:016x}"
        if number in unread:
            continue
        workbench.catalog.digests(place, {"model.safetensors": Digest("sha256", f"{number:064x}")})
        version = workbench.resolve(str(place))
        prints = {name: _print(name, cells[name], digests[name]) for name in speeds}
        workbench.catalog.fingerprints.keep(version.id, Fingerprint(prints, 1 << 20))


def _found(model: str, place: Path, step: int) -> Found:
    weights = Artifact("model.safetensors", 16_060_522_496, 0, Role.WEIGHTS)
    return Found(place, f"{model}/checkpoint-{step}", model, Kind.CHECKPOINT, State.COMPLETE, str(step), step,
                 "safetensors", "llama", 1.7e9 + step, (weights,))  # fmt: skip


def _print(name: str, cells: np.ndarray[tuple[int], np.dtype[np.float32]], digest: str) -> TensorPrint:
    norm = float(np.linalg.norm(cells))
    return TensorPrint(name, "BF16", _SHAPE, digest, 0.0, 1.0, norm, 3.0, (0.0,) * 5, 0, 0, 0, cells)
