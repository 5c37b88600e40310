"""Figures: every `plot_*` takes Axes and draws on them; nothing here computes a result."""
