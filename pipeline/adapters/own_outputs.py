"""Names of our models' outputs, without what it takes to run a model."""

from __future__ import annotations

from typing import Final

DETECTOR_OUTPUTS: Final = ("centres", "sides")
POSE_OUTPUTS: Final = ("joints", "mask", "presence")
OPTIONAL_POSE_OUTPUTS: Final = ("parts",)
"""Outputs that our models have had from some version on."""
