"""The OS keyring behind get, set and forget."""
