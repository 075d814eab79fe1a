"""Options of one drawing: values, sidecars, motions, inference backend, and the scene that they describe."""
