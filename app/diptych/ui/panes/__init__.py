"""One look per facet or per shape of a sheet. Panes do not know one another."""
