"""What one drawing is to become: option values, sidecars, motions, scenes."""
