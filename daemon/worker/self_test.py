"""Self-test of a worker: finds a stick figure in a blank image, and animates it in memory.

`daemon.service.worker_self_test` decides when. It needs what every drawing needs, so whatever limits the worker too much shows here; so
does whether servers of the Open Inference Protocol have our models.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceChoice
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.worker.resources import WorkerResources
from daemon.worker.task import Task
from pipeline.errors import NoFigureFound, PredictionRefused
from pipeline.types import Bytes, Character, Drawing, Format, Rig

SIDE_PX = 600
PEN_PX = 24
JOINTS = (
    ("root", None, 0.5, 0.6),
    ("hip", "root", 0.5, 0.6),
    ("torso", "hip", 0.5, 0.4),
    ("neck", "torso", 0.5, 0.2),
    ("right_shoulder", "torso", 0.45, 0.4),
    ("right_elbow", "right_shoulder", 0.3, 0.45),
    ("right_hand", "right_elbow", 0.15, 0.5),
    ("left_shoulder", "torso", 0.55, 0.4),
    ("left_elbow", "left_shoulder", 0.7, 0.45),
    ("left_hand", "left_elbow", 0.85, 0.5),
    ("right_hip", "root", 0.47, 0.6),
    ("right_knee", "right_hip", 0.42, 0.75),
    ("right_foot", "right_knee", 0.38, 0.92),
    ("left_hip", "root", 0.53, 0.6),
    ("left_knee", "left_hip", 0.58, 0.75),
    ("left_foot", "left_knee", 0.62, 0.92),
)
"""Name, parent and location of each joint, as shares of the image's side."""


def run_self_test(task: Task, resources: WorkerResources) -> None:
    """Animate the stick figure. Raises what an image may raise, apart from errors that say something about the drawing."""
    from pipeline.annotate import AnnotateOptions, annotate

    character, stopwatch = stick_figure(), WallStopwatch()
    choice = task.inference.resolve({}).choice
    if choice is not InferenceChoice.TORCHSERVE:
        predictor, _ = resources.predictor(task)
        with suppress(NoFigureFound, PredictionRefused):
            annotate(Drawing(character.rgb, None, ""), predictor, options=AnnotateOptions(), stopwatch=stopwatch)
    from daemon.rendering import SceneRendering

    with tempfile.TemporaryDirectory() as folder:
        request = RenderRequest(Path(folder), motion="wave", size=task.defaults.size)
        plan = character_plan(character, request, {}, resources.library())
        SceneRendering(plan, stopwatch).write(Path(folder) / f"self_test.{Format.GIF}", Format.GIF, resources.renderer())


def stick_figure() -> Character:
    """A stick figure of thick black lines on white paper."""
    names = [name for name, *_ in JOINTS]
    parents = np.array([-1 if parent is None else names.index(parent) for _, parent, *_ in JOINTS], np.int32)
    shares = np.array([share for *_, across, down in JOINTS for share in (across, down)]).reshape(-1, 2)
    pixels = np.round(shares * SIDE_PX).astype(int).tolist()
    ink = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for joint, parent in enumerate(parents.tolist()):
        if parent >= 0:
            cv2.line(ink, pixels[parent], pixels[joint], 1, PEN_PX)
    cv2.circle(ink, pixels[names.index("neck")], 60, 1, cv2.FILLED)
    rgba: Bytes = np.full((SIDE_PX, SIDE_PX, 4), 255, np.uint8)
    rgba[ink > 0, :3] = 30
    rest = np.stack([shares[:, 0], 1 - shares[:, 1]], axis=1)
    return Character(rgba, ink > 0, Rig(tuple(names), parents, rest), "self-test")
