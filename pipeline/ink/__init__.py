"""Drawn lines and areas: paper, ruling, strokes, closed shapes, connected regions."""
