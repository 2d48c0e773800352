"""Item models: thin adapters over lists of domain values."""
