"""Reusable parts that know nothing of models."""
