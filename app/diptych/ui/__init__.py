"""The window: tables of actions, and pages and panes over the workbench. The only place that knows Qt."""
