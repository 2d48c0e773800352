"""Arithmetic on weights, streamed: digests, differences, histograms. Threads live here and in the window's runner."""
