"""What a camera makes of a page: perspective, a table around it, uneven light, shadows, blur, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.papers import FloatImage
from drawings.textures import cutting

COARSE = 3
"""Light is computed on a grid this much coarser than the image."""


def lit(rng: np.random.Generator, image: FloatImage, strength: float) -> FloatImage:
    """Light from one side, with a tint; a soft shadow's edge now and then."""
    height, width = image.shape[:2]
    rows, columns = -(-height // COARSE), -(-width // COARSE)
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-0.5, 0.5, columns, dtype=np.float32)[None] * np.float32(np.cos(angle))
    y = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    light = 1 + np.float32(strength * rng.uniform(0, 0.7)) * (x + y) + cutting(rng, "patch", rows, columns) * np.float32(strength * 0.05)
    if rng.random() < 0.35:
        light *= _shadow(rng, rows, columns)
    tint = np.clip(1 + rng.normal(0, 0.035, 3), 0.85, 1.1) * rng.uniform(1 - 0.45 * strength, 1.02)
    coarse = light[:, :, None] * tint.astype(np.float32)
    return np.asarray(cv2.multiply(image, cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)), np.float32)


def _shadow(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """A shadow of a hand, a head or a phone: a blob that reaches in from the border, sharp or soft."""
    drawn = np.zeros((96, 96), np.uint8)
    center = rng.uniform(-16, 112, 2)
    if rng.random() < 0.6:
        center[rng.integers(2)] = rng.choice([-8.0, 104.0])
    turns = np.sort(rng.uniform(0, 6.3, 7))
    shape = center + rng.uniform(16, 68) * np.column_stack([np.cos(turns), np.sin(turns)])
    cv2.fillPoly(drawn, [np.round(shape).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.7, 10))
    sized = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return np.asarray(1 - np.float32(rng.uniform(0.1, 0.45) / 255) * sized)


def exposed(rng: np.random.Generator, image: FloatImage) -> FloatImage:
    """Too dark, too bright or flat, as automatic exposure leaves paper; gray or black and white, as scanners do."""
    draw = rng.random()
    if draw < 0.05:
        return np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    if draw < 0.09 and image.mean() > 120:
        gray = np.ascontiguousarray(image.mean(axis=2))
        paper = cv2.blur(gray, (41, 41))
        return np.repeat(np.where(gray < paper - rng.uniform(8, 22), np.float32(0), np.float32(255))[:, :, None], 3, axis=2)
    gain, lift = rng.uniform(0.75, 1.15), rng.uniform(-12, 18)
    if draw < 0.2:
        gain, lift = rng.uniform(0.35, 0.7), rng.uniform(0, 70)
    return image * np.float32(gain) + np.float32(lift)


def _coarser(rng: np.random.Generator, image: FloatImage) -> FloatImage:
    """As if it had been a small image once."""
    height, width = image.shape[:2]
    share = rng.uniform(0.35, 0.8)
    small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def grain_and_jpeg(rng: np.random.Generator, image: FloatImage, *, screen: bool) -> NDArray[np.uint8]:
    """Blur, sensor noise and compression, as 8-bit RGB."""
    if rng.random() < 0.08:
        image = _coarser(rng, image)
    if not screen or rng.random() < 0.15:
        if rng.random() < 0.6:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), abs(rng.normal(0, 0.7)) + 0.2), np.float32)
        if rng.random() < 0.6:
            image = image + cutting(rng, "fine", *image.shape[:2])[:, :, None] * np.float32(rng.uniform(0.5, 5))
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 95))])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return pixels
