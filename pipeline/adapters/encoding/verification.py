"""Verification of finished animation files, read back with decoders that were not used to write them.

FFmpeg reads GIF, APNG, MP4 and WebM packet by packet and decodes only the first frame: about 20 ms for 339 frames. It does not read
animated WebP; imageio does, and the delays come from the RIFF chunks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error

from pipeline.adapters.encoding.completeness import is_complete_file
from pipeline.errors import OutputFailed
from pipeline.types import Animation, Format

_TOLERANCE_S = Fraction(1, 100)
"""WebM rounds to milliseconds."""

_TOLERANCE_S_PER_FRAME = {Format.APNG: Fraction(1, 100_000)}
"""FFmpeg rounds each delay of an APNG to this: 30 frames a second are 13 ms off after two minutes."""


@dataclass(frozen=True)
class Inspection:
    """Properties of an animation file: frames, duration in seconds, size in px."""

    frame_count: int
    duration: Fraction
    width: int
    height: int


def inspect_file(path: Path, kind: Format) -> Inspection:
    """Read the properties of the file at `path`, and decode its first frame.

    Raises:
        OutputFailed: the file has another format, or is damaged.
    """
    try:
        found = _webp(path) if kind is Format.WEBP else _packets(path)
        ends = is_complete_file(path, kind)
    except (OSError, ValueError, IndexError, struct.error, av.error.FFmpegError) as error:
        raise OutputFailed(f"the {kind} can't be read back: {error}", path=path) from error
    if found is None:
        raise OutputFailed(f"the {kind} holds no image", path=path)
    if not ends:
        raise OutputFailed(f"the {kind} breaks off", path=path)
    return found


def verify(animation: Animation) -> Animation:
    """Return `animation` if its file matches its description.

    Raises:
        OutputFailed: the file can't be read, or has another number of frames, duration or size.
    """
    found = inspect_file(animation.path, animation.format)
    expected = (animation.frame_count, animation.width, animation.height)
    same = (found.frame_count, found.width, found.height) == expected
    tolerance_s = _TOLERANCE_S + found.frame_count * _TOLERANCE_S_PER_FRAME.get(animation.format, Fraction(0))
    if not same or abs(found.duration - animation.duration) > tolerance_s:
        raise OutputFailed(
            f"the {animation.format} was to hold {animation.frame_count} frames of {animation.width} x {animation.height} px"
            f" in {float(animation.duration):.3f} s, but holds {found.frame_count} of {found.width} x {found.height}"
            f" in {float(found.duration):.3f} s",
            path=animation.path,
        )
    return animation


def _packets(path: Path) -> Inspection | None:
    name = str(path.absolute())  # FFmpeg takes "12:30.mp4" for a protocol
    with av.open(name) as container:
        stream = container.streams.video[0]
        first, delays = None, []  # no packets: together they are as large as the file
        for packet in container.demux(stream):
            first = first or next(iter(packet.decode()), None)
            if packet.size:
                delays.append(packet.duration or 0)
        if first is None or not delays or stream.time_base is None:
            return None
        shown = sum(delays) * stream.time_base
        # Matroska gives every packet the rounded default duration; its total duration is exact.
        matroska = "matroska" in container.format.name
        duration = Fraction(container.duration, av.time_base) if matroska and container.duration else Fraction(shown)
        return Inspection(len(delays), duration, stream.width, stream.height)


def _webp(path: Path) -> Inspection | None:
    import imageio.v3 as iio

    with iio.imopen(path, "r", plugin="pillow") as file:
        height, width = file.read(index=0).shape[:2]
        frame_count = file.properties(index=...).n_images  # type: ignore[arg-type]  # means all; imageio documents it but types it as int
    delays = list(_webp_delays(path.read_bytes()))
    return Inspection(frame_count, Fraction(sum(delays), 1000), width, height) if len(delays) == frame_count else None


def _webp_delays(riff: bytes) -> list[int]:
    """Milliseconds of each ANMF chunk (RFC 9649, section 2.7.1.1)."""
    delays = []
    position = 12
    while position < len(riff):
        name, length = struct.unpack_from("<4sI", riff, position)
        if name == b"ANMF":
            delays.append(int.from_bytes(riff[position + 20 : position + 23], "little"))
        position += 8 + length + (length & 1)
    return delays
