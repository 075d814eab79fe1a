"""Drawn figures: what they are made of, in figure units (a figure is about 1 high, y down), before they touch any paper."""
