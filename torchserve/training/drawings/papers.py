"""What people draw on, seen straight from above and evenly lit: an RGB image per paper."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.textures import cutting

FloatImage = NDArray[np.float32]
"""`(H, W, 3)` float32, 0 to 255, sRGB."""


def _plain(rng: np.random.Generator, height: int, width: int, color: tuple[float, float, float], roughness: float) -> FloatImage:
    image = np.empty((height, width, 3), np.float32)
    flat = (np.asarray(color) + rng.normal(0, 3, 3)).astype(np.float32)
    grain = cutting(rng, "grain", height, width) * np.float32(roughness) + cutting(rng, "cloud", height, width) * np.float32(
        0.8 * roughness
    )
    np.add(grain[:, :, None], flat, out=image)
    return image


def white(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Office or drawing paper, a little warm or cold."""
    level = rng.uniform(225, 253)
    return _plain(rng, height, width, (level, level - rng.uniform(-4, 6), level - rng.uniform(-4, 14)), rng.uniform(0.5, 3))


def _lines(image: FloatImage, spacing: float, offset: float, color: NDArray[np.float64], strength: float, *, across: bool) -> None:
    side = image.shape[0 if across else 1]
    at = np.arange(offset, side, spacing)
    nearest = np.abs(np.arange(side)[:, None] - at[None, :]).min(axis=1)
    weight = (np.clip(1.1 - nearest, 0, 1) * strength).astype(np.float32)
    weight = weight[:, None, None] if across else weight[None, :, None]
    image += weight * (color.astype(np.float32) - image)


def _rule_color(rng: np.random.Generator) -> NDArray[np.float64]:
    colors = np.array([(120, 150, 210), (150, 190, 220), (170, 170, 180), (130, 180, 170)], float)
    return np.asarray(colors[rng.integers(4)])


def ruled(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A page of a writing pad, with a margin line now and then."""
    image = white(rng, height, width)
    spacing = max(rng.uniform(0.025, 0.08) * height, 6)
    _lines(image, spacing, rng.uniform(0, spacing), _rule_color(rng), rng.uniform(0.35, 0.9), across=True)
    if rng.random() < 0.5:
        _lines(image, 10 * width, rng.uniform(0.05, 0.2) * width, np.array([220.0, 110, 120]), 0.7, across=False)
    return image


def squared(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A page of an arithmetic pad."""
    image = white(rng, height, width)
    spacing, color, strength = max(rng.uniform(0.018, 0.06) * height, 6), _rule_color(rng), rng.uniform(0.25, 0.8)
    for across in (True, False):
        _lines(image, spacing, rng.uniform(0, spacing), color, strength, across=across)
    return image


def crumpled(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Paper that was folded or crushed: facets of different brightness, creases between them."""
    image = white(rng, height, width)
    rows, columns = -(-height // 2), -(-width // 2)
    shade = np.zeros((rows, columns), np.float32)
    down, across = np.arange(rows, dtype=np.float32)[:, None] * 2, np.arange(columns, dtype=np.float32)[None] * 2
    for _ in range(int(rng.integers(3, 10))):
        angle = rng.uniform(0, np.pi)
        x, y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.9) * height
        distance = (across - np.float32(x)) * np.float32(np.cos(angle)) + (down - np.float32(y)) * np.float32(np.sin(angle))
        bend = np.clip(distance * np.float32(1 / rng.uniform(2, 30)), -1, 1) * np.float32(rng.uniform(-9, 9))
        shade += bend - np.maximum(1 - np.abs(distance) * np.float32(0.5), 0) * np.float32(rng.uniform(0, 26))
    image += cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, None]
    return image


def colored(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Construction paper."""
    color = rng.uniform(120, 250, 3)
    color[rng.integers(3)] = rng.uniform(190, 250)
    return _plain(rng, height, width, tuple(color), rng.uniform(2, 6))


def kraft(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Brown wrapping paper or cardboard, with fibres."""
    tone = rng.uniform(0.8, 1.1)
    image = _plain(rng, height, width, (200 * tone, 165 * tone, 120 * tone), rng.uniform(2, 5))
    fibres = cutting(rng, "fibre", height, width) * rng.uniform(2, 6)
    return np.asarray(image + fibres[:, :, None], np.float32)


def whiteboard(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A glossy board with reflections and traces of wiped-off drawings."""
    level = rng.uniform(205, 245)
    image = _plain(rng, height, width, (level, level + 2, level + 4), 0.4)
    glare = cutting(rng, "cloud", height, width) * rng.uniform(1, 9) + np.minimum(cutting(rng, "soft", height, width), 0) * rng.uniform(
        0, 3
    )
    return np.asarray(image + glare[:, :, None], np.float32)


def blackboard(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Slate or green board with wiped chalk; also black paper and asphalt."""
    colors = [(38, 62, 50), (45, 45, 48), (30, 30, 34), (35, 50, 70), (90, 88, 86)]
    image = _plain(rng, height, width, colors[rng.integers(5)], rng.uniform(1, 6))
    dust = np.maximum(cutting(rng, "patch", height, width) + cutting(rng, "fibre", height, width) * 0.4, 0) * rng.uniform(0, 14)
    return np.asarray(image + dust[:, :, None], np.float32)


def screen(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A drawing program's empty canvas: one color, mostly white."""
    draw = rng.random()
    color = np.full(3, 255.0) if draw < 0.75 else rng.uniform(200, 255, 3) if draw < 0.9 else rng.uniform(100, 255, 3)
    if draw > 0.96:
        color = rng.uniform(0, 60) + rng.uniform(0, 12, 3)
    image = np.empty((height, width, 3), np.float32)
    image[:] = np.round(color)
    return image


PaperMaker = Callable[[np.random.Generator, int, int], FloatImage]
PAPERS: dict[str, dict[str, PaperMaker]] = {
    "paper": {"white": white, "ruled": ruled, "squared": squared, "crumpled": crumpled, "coloured": colored, "kraft": kraft},
    "whiteboard": {"whiteboard": whiteboard},
    "blackboard": {"blackboard": blackboard},
    "screen": {"screen": screen},
}


def dotted(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A bullet journal's page."""
    image = white(rng, height, width)
    spacing = max(rng.uniform(0.02, 0.05) * height, 6)
    ys, xs = np.meshgrid(np.arange(4, height, spacing).astype(int), np.arange(4, width, spacing).astype(int), indexing="ij")
    image[ys, xs] -= rng.uniform(40, 110)
    return image


def newsprint(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Gray recycled paper with specks."""
    tone = rng.uniform(185, 215)
    image = _plain(rng, height, width, (tone, tone - 4, tone - 14), 4.0)
    return np.asarray(image - (cutting(rng, "grain", height, width) > 2.8)[:, :, None] * 35, np.float32)


HELD_OUT: dict[str, PaperMaker] = {"dotted": dotted, "newsprint": newsprint}
"""Real papers that training never sees."""


def clean(image: FloatImage) -> FloatImage:
    """Within 0 to 255."""
    return np.asarray(np.clip(image, 0, 255))
