"""What lies beside the weights and speaks for a descent, or against it: tokenizer, architecture, records of training.

Each sign multiplies the odds that two versions are of kin. The factors are small beside what weights tell, since people
copy tokenizers and configurations from one model to a stranger; only a record that names the parent is a strong sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from diptych import display
from diptych.domain.version import Role, Version

_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tokenizer_config.json")
"""Files that tell a tokenizer, the more telling first."""
_SILENT = ("dtype", "version", "_name_or_path", "use_cache", "token_id", "vocab_size", "quantization", "architectures")
"""Endings and parts of settings that say nothing of descent."""
_FEWEST = 5
"""Settings that must be there on both sides before their being equal means anything."""
_RUN = ("output_dir", "run_name", "logging_dir", "max_steps", "num_train_epochs", "resume_from_checkpoint", "hub_")
"""Settings that differ between two stretches of one training."""
_SAME_TOKENIZER, _OTHER_TOKENIZER, _GROWN, _SHRUNK = 2.0, 0.25, 1.0, 0.5
_SAME_SETTINGS, _OTHER_SETTINGS, _SAME_TRAINING = 1.5, 0.7, 2.0
_LOADED_FROM, _RESUMED_FROM = 5.0, 50.0
_SAID = 3


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for one version having come from another."""

    odds: float = 1.0
    """By what the odds of kinship are multiplied."""
    words: tuple[str, ...] = ()
    named: bool = False
    """Whether a record of the child names the parent, which tells the order too."""
    resumed: bool = False
    """Whether that record says that a training went on from it."""


@dataclass(frozen=True, slots=True)
class _Sign:
    odds: float
    words: str
    named: bool = False
    resumed: bool = False


def signs(parent: Version, child: Version) -> Signs:
    """The signs that `child` was made from `parent`, as far as files of both tell."""
    found = [*_tokenizer(parent, child), *_architecture(parent, child), *_training(parent, child)]
    odds = 1.0
    for sign in found:
        odds *= sign.odds
    named, resumed = any(sign.named for sign in found), any(sign.resumed for sign in found)
    return Signs(odds, tuple(sign.words for sign in found), named, resumed)


def weighed(chance: float, odds: float) -> float:
    """A chance, 0 to 1, after its odds were multiplied."""
    return chance * odds / (1 - chance + chance * odds)


def grown(parent: Version, child: Version) -> int:
    """By how many tokens the vocabulary of the child is larger; nought where that is not known of both."""
    sizes = [one.hyperparameters.get("arch.vocab_size") for one in (parent, child)]
    ours, theirs = sizes
    return theirs - ours if isinstance(ours, int) and isinstance(theirs, int) else 0


def _tokenizer(parent: Version, child: Version) -> Iterator[_Sign]:
    ours, theirs = _digests(parent), _digests(child)
    name = next((name for name in _FILES if name in ours and name in theirs), None)
    more = grown(parent, child)
    if more:
        odds = _GROWN if more > 0 else _SHRUNK
        word = "larger" if more > 0 else "smaller"
        yield _Sign(odds, f"its vocabulary is {abs(more):,} {'token' if abs(more) == 1 else 'tokens'} {word}")
    elif name is not None and ours[name] == theirs[name]:
        yield _Sign(_SAME_TOKENIZER, f"the same {name}")
    elif name is not None:
        yield _Sign(_OTHER_TOKENIZER, f"another {name}")


def _digests(version: Version) -> dict[str, str]:
    return {
        file.path: file.digest.value
        for file in version.artifacts
        if file.role is Role.TOKENIZER and file.digest is not None
    }


def _architecture(parent: Version, child: Version) -> Iterator[_Sign]:
    differing, equal = _settings(parent, child, "arch.", _SILENT)
    if differing:
        yield _Sign(_OTHER_SETTINGS, f"configured otherwise: {display.listing(differing, _SAID)}")
    elif equal >= _FEWEST:
        yield _Sign(_SAME_SETTINGS, f"all {equal} settings of the architecture are equal")


def _settings(a: Version, b: Version, prefix: str, silent: tuple[str, ...]) -> tuple[list[str], int]:
    """The names of settings that differ between the two, and how many that both have are equal."""
    ours, theirs = a.hyperparameters, b.hyperparameters
    both = [key for key in ours if key.startswith(prefix) and key in theirs and not any(part in key for part in silent)]
    differing = [display.visible(key.removeprefix(prefix)) for key in both if ours[key] != theirs[key]]
    return sorted(differing), len(both) - len(differing)


def _training(parent: Version, child: Version) -> Iterator[_Sign]:
    given = child.hyperparameters
    resumed = given.get("train.resume_from_checkpoint")
    loaded = given.get("arch._name_or_path", given.get("train.model_name_or_path"))
    if _names(resumed, parent):
        words = f"its training was resumed from {display.visible(str(resumed))}"
        if child.step is not None and parent.step is not None:
            words += f", step {parent.step:,}, and came to step {child.step:,}"
        yield _Sign(_RESUMED_FROM, words, named=True, resumed=True)
    elif _names(loaded, parent):
        yield _Sign(_LOADED_FROM, f"loaded from {display.visible(str(loaded))}, by its settings", named=True)
    if parent.step is None or child.step is None or child.step <= parent.step:
        return
    differing, equal = _settings(parent, child, "train.", _RUN)
    if not differing and equal >= _FEWEST:
        words = f"trained on with the same {equal} settings, from step {parent.step:,} to step {child.step:,}"
        yield _Sign(_SAME_TRAINING, words)


def _names(said: object, version: Version) -> bool:
    """Whether a path or name from a record, perhaps from another machine, is that of a version."""
    if not isinstance(said, str) or not said.strip("/. "):
        return False
    parts = PurePosixPath(said.replace("\\", "/")).parts
    own = [PurePosixPath(version.name).parts, version.path.parts if version.path is not None else ()]
    wanted = 2 if parts[-1].startswith("checkpoint-") else 1
    return any(len(place) >= wanted <= len(parts) and place[-wanted:] == parts[-wanted:] for place in own)
