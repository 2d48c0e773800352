"""Pickles and the files of PyTorch, read without obeying them; only the standard library and `errors` below it."""
