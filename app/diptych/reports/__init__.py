"""Answers written down for others: one file that needs no program, no network and no script."""

from diptych.reports.html import comparison_html

__all__ = ["comparison_html"]
