"""Whether a higher value is better, where the records do not say so but the name leaves no doubt."""

from __future__ import annotations

_HIGHER = ("acc", "acc_norm", "accuracy", "token_accuracy", "exact_match", "f1", "bleu", "chrf", "mcc", "pass@1")
_LOWER = ("loss", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "wer", "cer", "ter")
_SPLITS = ("eval_", "test_", "train_", "mean_")


def known(name: str) -> bool | None:
    """True where higher is better, False where lower is; None for a name that this short table does not hold."""
    plain = name
    for split in _SPLITS:
        plain = plain.removeprefix(split)
    return True if plain in _HIGHER else False if plain in _LOWER else None
