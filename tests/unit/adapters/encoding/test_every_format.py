"""What all encoders promise alike."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.adapters.encoding.output_file import describe_animation
from pipeline.adapters.encoding.verification import inspect_file, verify
from pipeline.errors import OptionError, OutputFailed, ShapeError
from pipeline.types import Format, Frame, PixelLayout

CLOCKS = {
    "120 fps": Fraction("0.008342"),
    "100 fps": Fraction(1, 100),
    "30 fps as BVH files write it": Fraction("0.0333333"),
    "25 fps": Fraction(1, 25),
    "film": Fraction(1001, 24000),
    "a denominator beyond all fields": Fraction(333333333, 10**10 + 7),
}
TICK_S = {Format.GIF: 0.01, Format.WEBP: 0.001, Format.APNG: 0.0001, Format.MP4: 1e-7, Format.WEBM: 0.001}
VIDEOS = {Format.MP4, Format.WEBM}


def even(number):
    return number + number % 2


@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("kind", Format)
def test_file_matches_the_animation(kind, opaque, clip, tmp_path):
    path = tmp_path / f"clip.{kind}"
    animation = clip(opaque=opaque).written(path, kind)
    assert verify(animation) is animation
    assert (animation.path, animation.format, animation.frame_count) == (path, kind, 5)
    assert animation.byte_count == path.stat().st_size
    assert animation.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


READ_BACK = """
import sys
from pathlib import Path
from pipeline.adapters.encoding.verification import inspect_file
from pipeline.types import Format

def most_kib():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

before = most_kib()
print(inspect_file(Path(sys.argv[1]), Format.APNG).frame_count, most_kib() - before)
"""


def test_a_large_file_is_not_held_in_memory_to_be_looked_at(clip, tmp_path):
    some = clip([(0, 0)] * 12, width=1000, height=1000)
    random = np.random.default_rng(1)
    path = tmp_path / "large.apng"
    with encoder_for(Format.APNG).open(path, some.canvas, some.clock) as sink:
        for index in range(12):
            sink.write(Frame(random.integers(0, 256, (1000, 1000, 4), dtype=np.uint8), 0, 0, index * some.frame_time))
        sink.finish()
    found = subprocess.run([sys.executable, "-c", READ_BACK, path], capture_output=True, text=True, check=True, timeout=60)
    frame_count, grown_kib = map(int, found.stdout.split())
    assert frame_count == 12
    assert path.stat().st_size > 45_000_000
    assert grown_kib * 1024 < 36_000_000


@pytest.mark.parametrize("name", ["12:30", "pipe:1", "{a}", "%03d?*"])
@pytest.mark.parametrize("kind", Format)
def test_a_name_is_only_a_name(kind, name, clip, tmp_path, monkeypatch):
    """FFmpeg knows protocols by what stands before a colon, and numbered images by a pattern."""
    monkeypatch.chdir(tmp_path)
    animation = clip().written(Path(f"{name}.{kind}"), kind)
    assert verify(animation).path.is_file()


@pytest.mark.parametrize("frame_time", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("kind", Format)
def test_duration_is_the_clocks(kind, frame_time, clip, tmp_path):
    places = [(index % 16, index % 8) for index in range(120)]
    some = clip(places, frame_time)
    animation = verify(some.written(tmp_path / f"clip.{kind}", kind))
    assert abs(animation.duration - some.clock.duration) <= min(frame_time, Fraction(1, 100))


@pytest.mark.parametrize("kind", [Format.GIF, Format.APNG, Format.MP4])
def test_rounding_does_not_add_up_over_minutes(kind, clip, tmp_path):
    """Nor in the reader: FFmpeg rounds every delay of an APNG."""
    long = clip([(index % 16, index % 8) for index in range(4500)], Fraction(1, 30), width=24, height=16, block=1)
    assert abs(verify(long.written(tmp_path / f"clip.{kind}", kind)).duration - 150) < Fraction(1, 100)


@pytest.mark.parametrize("kind", Format)
def test_339_frames_at_30_fps_last_as_long_as_the_motion(kind, clip, tmp_path):
    some = clip([(index % 16, index % 8) for index in range(339)], Fraction("0.0333333"))
    animation = verify(some.written(tmp_path / f"clip.{kind}", kind))
    assert animation.frame_count == 339
    assert abs(animation.duration - Fraction("11.3")) < Fraction(1, 1000)


@pytest.mark.parametrize("frame_time", [Fraction("0.0333333"), Fraction(1, 25), Fraction(1001, 24000)])
@pytest.mark.parametrize("kind", Format)
def test_every_frame_begins_at_its_pts(kind, frame_time, clip, decoded, tmp_path):
    some = clip([(index % 16, index % 8) for index in range(60)], frame_time)
    found = decoded(some.written(tmp_path / f"clip.{kind}", kind))
    wanted = np.array([float(index * frame_time) for index in range(60)])
    assert np.abs(np.array(found.begins_s) - wanted).max() <= TICK_S[kind] / 2 + 1e-9


@pytest.mark.parametrize("backdrop", ["opaque", "transparent"])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (7, 5), (33, 17)], ids=str)
@pytest.mark.parametrize("kind", Format)
def test_odd_and_tiny_canvases(kind, size, backdrop, clip, tmp_path):
    width, height = size
    some = clip([(0, 0), (0, 0), None, (1, 0)], width=width, height=height, opaque=backdrop == "opaque", block=1)
    animation = verify(some.written(tmp_path / f"clip.{kind}", kind))
    stored = (even(width), even(height)) if kind in VIDEOS else size
    assert (animation.width, animation.height) == stored


@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("kind", Format)
def test_one_frame_is_an_animation(kind, opaque, clip, tmp_path):
    animation = verify(clip([(3, 3)], opaque=opaque).written(tmp_path / f"clip.{kind}", kind))
    assert (animation.frame_count, animation.duration) == (1, Fraction(1, 25))


@pytest.mark.parametrize("places", [[None], [None, (2, 2), None], [None, None, (4, 4)], [(2, 2), None, None]], ids=str)
@pytest.mark.parametrize("kind", Format)
def test_frames_without_a_figure(kind, places, clip, decoded, tmp_path):
    some = clip(places)
    animation = verify(some.written(tmp_path / f"clip.{kind}", kind))
    assert animation.duration == some.clock.duration
    found = decoded(animation)
    if kind is not Format.MP4:
        for begin, image in zip(found.begins_s, found.images, strict=True):
            shown = some.whole(round(begin / some.frame_time))[..., 3] > 0
            assert np.array_equal(image[..., 3] > 127, shown)


@pytest.mark.parametrize("kind", Format)
def test_abandoned_file_is_removed_and_its_threads_end(kind, clip, tmp_path):
    some, encoder = clip(), encoder_for(kind)
    path = tmp_path / f"clip.{kind}"
    before = threading.active_count()
    with encoder.open(path, some.canvas, some.clock, palette=some.palette) as sink:
        sink.write(some.frame(0, encoder.layout(some.canvas)))
        assert path.exists()
    assert not path.exists()
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", Format)
def test_file_is_removed_when_the_renderer_fails(kind, clip, tmp_path):
    some, encoder = clip(), encoder_for(kind)
    path = tmp_path / f"clip.{kind}"

    def failing():
        with encoder.open(path, some.canvas, some.clock, palette=some.palette) as sink:
            sink.write(some.frame(0, encoder.layout(some.canvas)))
            raise KeyError("the renderer")

    with pytest.raises(KeyError):
        failing()
    assert not path.exists()


@pytest.mark.parametrize("kind", Format)
def test_animation_without_frames_is_refused(kind, clip, tmp_path):
    some = clip()
    path = tmp_path / f"clip.{kind}"
    with (
        pytest.raises(OptionError, match="at least one frame"),
        encoder_for(kind).open(path, some.canvas, some.clock, palette=some.palette) as sink,
    ):
        sink.finish()
    assert not path.exists()


@pytest.mark.parametrize("kind", Format)
def test_missing_folder_is_an_output_failure(kind, clip, tmp_path):
    with pytest.raises(OutputFailed) as caught:
        clip().written(tmp_path / "nowhere" / f"clip.{kind}", kind)
    assert caught.value.path == tmp_path / "nowhere" / f"clip.{kind}"
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
@pytest.mark.parametrize("kind", Format)
def test_full_disk_is_an_output_failure(kind, clip, tmp_path):
    path = tmp_path / f"clip.{kind}"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputFailed) as caught:
        clip().written(path, kind)
    assert "disk full" in caught.value.hint
    assert Path("/dev/full").exists()


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from fractions import Fraction
from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.errors import OutputFailed
from pipeline.types import *
kind, path = Format(sys.argv[1]), Path(sys.argv[2])
canvas = Canvas(64, 64, (1.0, 1.0, 1.0, 1.0), None, np.eye(4, dtype=np.float32))
noise = np.random.default_rng(1)
palette = Palette(np.zeros((200, 3), np.uint8), noise.integers(0, 200, (32, 32, 32), dtype=np.uint8))
encoder = encoder_for(kind)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with encoder.open(path, canvas, OutputClock(100, Fraction(1, 25)), palette=palette) as sink:
        for k in range(100):
            sink.write(Frame(noise.integers(1, 256, (64, 64, 4), dtype=np.uint8), 0, 0, k * Fraction(1, 25)))
        sink.finish()
except OutputFailed as failure:
    print("failed, as it should:", type(failure.__cause__).__name__, path.exists())
"""


@pytest.mark.parametrize("kind", Format)
def test_file_is_removed_when_the_disk_fills_half_way(kind, tmp_path):
    path = tmp_path / f"clip.{kind}"
    found = subprocess.run([sys.executable, "-c", LIMITED, kind, path], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.startswith("failed, as it should:"), found.stderr
    assert found.stdout.split()[-1] == "False"
    assert not path.exists()


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.float32), np.zeros((40, 40, 4), np.uint8), np.zeros((4, 4), np.uint8)],
    ids=["no alpha", "floats", "beyond the canvas", "no channels"],
)
@pytest.mark.parametrize("kind", Format)
def test_pixels_that_do_not_fit_are_refused(kind, pixels, clip, tmp_path):
    some = clip()
    path = tmp_path / f"clip.{kind}"
    with (
        pytest.raises(ShapeError, match=r"Frame\.pixels"),
        encoder_for(kind).open(path, some.canvas, some.clock, palette=some.palette) as sink,
    ):
        sink.write(Frame(pixels, 0, 0, Fraction(0)))
    assert not path.exists()


@pytest.mark.parametrize("kind", Format)
def test_opaque_canvas_wants_whole_frames(kind, clip, tmp_path):
    some = clip(opaque=True)
    layout = encoder_for(kind).layout(some.canvas)
    part = some.frame(0, layout).pixels[2:]
    with (
        pytest.raises(ShapeError, match="all of"),
        encoder_for(kind).open(tmp_path / "x", some.canvas, some.clock, palette=some.palette) as sink,
    ):
        sink.write(Frame(part, 0, 2, Fraction(0)))


@pytest.mark.parametrize("kind", Format)
def test_canvas_beyond_the_format_is_refused(kind, clip, tmp_path):
    some = clip()
    huge = replace(some.canvas, width=1 << 21)
    with pytest.raises(OptionError, match="at most"), encoder_for(kind).open(tmp_path / "x", huge, some.clock, palette=some.palette):
        pass


@pytest.mark.parametrize("kind", Format)
def test_frames_may_be_overwritten_after_write(kind, clip, decoded, tmp_path):
    some, encoder = clip(opaque=True), encoder_for(kind)
    layout = encoder.layout(some.canvas)
    buffer = np.empty_like(some.frame(0, layout).pixels)
    with encoder.open(tmp_path / f"clip.{kind}", some.canvas, some.clock, palette=some.palette) as sink:
        for index in range(5):
            frame = some.frame(index, layout)
            buffer[:] = frame.pixels
            sink.write(replace(frame, pixels=buffer))
            buffer[:] = 3
        animation = sink.finish()
    found = decoded(animation)
    for index, image in enumerate(found.images):
        assert np.abs(image[..., :3].astype(int) - some.whole(index)[..., :3]).mean() < 16


@pytest.mark.parametrize("kind", Format)
def test_memory_does_not_grow_with_frames(kind, clip, tmp_path):
    def peak(count):
        some = clip([(index % 48, index % 40) for index in range(count)], width=64, height=64)
        tracemalloc.start()
        some.written(tmp_path / f"{count}.{kind}", kind)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(5)  # imports
    assert peak(300) < peak(30) + 200_000


@pytest.mark.parametrize("kind", Format)
def test_garbage_and_truncation_are_found(kind, clip, tmp_path):
    animation = clip().written(tmp_path / f"clip.{kind}", kind)
    whole = animation.path.read_bytes()
    animation.path.write_bytes(b"nothing of the sort" * 20)
    with pytest.raises(OutputFailed):
        inspect_file(animation.path, kind)
    animation.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OutputFailed):
        verify(animation)
    animation.path.unlink()
    with pytest.raises(OutputFailed):
        inspect_file(animation.path, kind)


@pytest.mark.parametrize("change", [{"frame_count": 4}, {"width": 30}, {"duration": Fraction(1, 2)}], ids=str)
def test_animation_that_is_not_in_its_file_is_found(change, clip, tmp_path):
    animation = clip().written(tmp_path / "clip.gif", Format.GIF)
    with pytest.raises(OutputFailed, match="was to hold"):
        verify(replace(animation, **change))


def test_file_that_vanishes_before_it_is_described_is_an_output_failure(tmp_path):
    with pytest.raises(OutputFailed, match="read back"):
        describe_animation(tmp_path / "gone.gif", Format.GIF, frame_count=1, duration=Fraction(1), size=(1, 1))


def test_formats_know_whether_they_can_be_transparent(clip):
    assert [kind for kind in Format if encoder_for(kind).layout(clip().canvas) is PixelLayout.OPAQUE] == [Format.MP4]


def test_codecs_are_loaded_when_they_are_needed():
    program = "import sys, pipeline.adapters.encoding.encoders; sys.exit(bool({'av', 'PIL', 'imageio', 'cv2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
