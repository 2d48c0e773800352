"""The OS keyring behind get, put, move and forget; what other programs keep; what continuous integration hands over.

Secrets rest in the keyring and nowhere else: not in settings, catalog, arguments or the environment of children.
"""

from __future__ import annotations

from diptych.credentials.asking import NoKeyring, forget, get, look, move, put
from diptych.credentials.states import Condition, KeyringView

__all__ = ["Condition", "KeyringView", "NoKeyring", "forget", "get", "look", "move", "put"]
