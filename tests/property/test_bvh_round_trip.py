"""Whatever a BVH writer writes is read back as it was."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import MotionFileError
from pipeline.motion.formats.bvh import Bvh, bvh_from_text
from pipeline.motion.formats.bvh_hierarchy import Channel
from pipeline.motion.formats.kinematics import world_positions

VALUES = st.floats(-1e6, 1e6)
BLANKS = st.sampled_from([" ", "  ", "\t", " \t "])
LINE_ENDS = st.sampled_from(["\n", "\r\n", " \n", "\n\n"])


@st.composite
def motions(draw: st.DrawFn) -> Bvh:
    """A skeleton in depth-first order; every joint without children ends in an End Site."""
    names, parents, channels = ["joint 0"], [-1], [tuple(draw(st.lists(st.sampled_from(Channel), max_size=6)))]
    path = [0]
    for _ in range(draw(st.integers(0, 8))):
        path = path[: draw(st.integers(1, len(path)))]
        names.append(f"joint {len(names)}")
        parents.append(path[-1])
        channels.append(tuple(draw(st.lists(st.sampled_from(Channel), max_size=6))))
        path.append(len(names) - 1)
    for joint, name in reversed(list(enumerate(names))):
        if joint not in parents:
            names.insert(joint + 1, f"{name} End")
            parents = [p + 1 if p > joint else p for p in parents]
            parents.insert(joint + 1, joint)
            channels.insert(joint + 1, ())
    columns = sum(map(len, channels))
    if not columns:
        channels[0], columns = (Channel.X_ROTATION,), 1
    frame_count = draw(st.integers(1, 4))
    values = draw(st.lists(VALUES, min_size=frame_count * columns, max_size=frame_count * columns))
    offsets = draw(st.lists(VALUES, min_size=3 * len(names), max_size=3 * len(names)))
    return Bvh(
        joint_names=tuple(names),
        parents=np.array(parents, np.int32),
        offsets=np.array(offsets).reshape(-1, 3),
        channels=tuple(channels),
        frame_time=draw(st.integers(10_000, 10**9 - 1).map(lambda n: Fraction(n, 10**8))),
        values=np.array(values).reshape(frame_count, columns),
    )


def written(bvh: Bvh, blank: str, line_end: str) -> str:
    lines = ["HIERARCHY"]

    def joint(index: int) -> None:
        is_end = bvh.joint_names[index].endswith(" End")
        lines.extend(["End Site" if is_end else f"{'JOINT' if index else 'ROOT'} {bvh.joint_names[index]}", "{"])
        lines.append(blank.join(["OFFSET", *(repr(float(v)) for v in bvh.offsets[index])]))
        if not is_end:
            lines.append(blank.join(["CHANNELS", str(len(bvh.channels[index])), *bvh.channels[index]]))
        for child in np.flatnonzero(bvh.parents == index):
            joint(int(child))
        lines.append("}")

    joint(0)
    lines.extend(["MOTION", f"Frames: {len(bvh.values)}", f"Frame Time:{blank}{bvh.frame_time.numerator / bvh.frame_time.denominator:.8f}"])
    lines.extend(blank.join(repr(float(v)) for v in row) for row in bvh.values)
    return line_end.join(lines)


@settings(max_examples=60)
@given(motions(), BLANKS, LINE_ENDS)
def test_what_is_written_is_read_back(bvh, blank, line_end):
    again = bvh_from_text(written(bvh, blank, line_end))
    assert again.joint_names == bvh.joint_names
    assert again.parents.tolist() == bvh.parents.tolist()
    assert again.channels == bvh.channels
    assert again.frame_time == bvh.frame_time
    assert np.array_equal(again.offsets, bvh.offsets)
    assert np.array_equal(again.values, bvh.values)
    assert ["is that meant?" in warning for warning in again.warnings] == ([True] if bvh.frame_time >= 1 else [])


@settings(max_examples=60)
@given(motions())
def test_bones_keep_their_lengths(bvh):
    positions = world_positions(bvh)
    for joint, parent in enumerate(bvh.parents.tolist()):
        if parent >= 0:
            lengths = np.linalg.norm(positions[:, joint] - positions[:, parent], axis=1)
            assert np.allclose(lengths, np.linalg.norm(bvh.offsets[joint]), rtol=1e-9, atol=1e-6)


@settings(max_examples=200)
@given(st.text(alphabet="HIERACY ROTJNEDSXpzg:{}\n\t0123456789.-", max_size=300), st.integers(0, 400))
def test_damaged_files_are_read_or_refused_but_never_worse(noise, place):
    good = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 1 Xrotation\n}\nMOTION\nFrames: 1\nFrame Time: 1\n0\n"
    try:
        bvh = bvh_from_text(good[:place] + noise + good[place:])
    except MotionFileError as error:
        assert error.problems  # noqa: PT017 - either outcome is right
    else:
        assert np.isfinite(bvh.values).all()
