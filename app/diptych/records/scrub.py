"""Keeping secrets out: passwords and tokens that ended up in record files never reach the catalog."""

from __future__ import annotations

import re

from diptych.domain.evidence import Plain

_KEY = re.compile(r"(token|api[_-]?key|secret|password|authorization|cookie)$", re.IGNORECASE)
_VOCABULARY = re.compile(r"(bos|eos|pad|unk|sep|cls|mask|eot|eom|boi|eoi|image|audio|video)_token$")
"""Tokens of text, which are no secrets."""
_VALUE = re.compile(
    r"hf_[A-Za-z0-9]{20,}"
    r"|sk-[A-Za-z0-9_-]{16,}"
    r"|AKIA[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|(?<=://)[^/\s:@]{1,256}:[^/\s:@]{1,256}(?=@)"
)


def secret_key(key: str) -> bool:
    """Whether whatever stands under this key is a secret."""
    return bool(_KEY.search(key)) and not _VOCABULARY.search(key)


def secret_value(value: object) -> bool:
    """Whether this text holds something shaped like a secret."""
    return isinstance(value, str) and bool(_VALUE.search(value))


def without_secrets(value: Plain) -> Plain:
    """`value` without the entries of its objects and lists that are secrets."""
    if isinstance(value, dict):
        return {
            key: without_secrets(entry)
            for key, entry in value.items()
            if not secret_key(key) and not secret_value(entry) and not secret_value(key)
        }
    if isinstance(value, list):
        return [without_secrets(entry) for entry in value if not secret_value(entry)]
    return value


def cleaned(text: str) -> str:
    """A longer text with each secret in it replaced."""
    return _VALUE.sub("[removed]", text)
