"""`doodled motions`: lists the motions, and shows how a motion file is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from daemon.commands.console import table_text
from daemon.options.motions import find_motion_file, motion_library, split_clip_name
from pipeline.errors import DoodledError, MotionFileError, OutputFailed
from pipeline.motion.derived import MotionChoices
from pipeline.motion.humanoid.body_config import body_config
from pipeline.motion.humanoid.body_map import ENOUGH, BodyMap
from pipeline.motion.written_configs import motion_yaml, retarget_yaml
from pipeline.types import Motion


def motion_table(environ: Mapping[str, str]) -> str:
    """One line per motion: name, seconds, joints, retarget configuration, title; a broken one says what is wrong with it."""
    library = motion_library(environ)
    rows = []
    broken = []
    for name in library.names():
        try:
            motion = library.motion(name)
            config = library.matching_retarget(motion).name
        except DoodledError as error:
            broken.append(f"{name}: {error}")
            continue
        length = f"{float(motion.duration):.2f}"
        rows.append((name, length, str(len(motion.joint_names)), "yes" if motion.loops else "no", config, library.title(name)))
    columns = ("name", "seconds", "joints", "loops", "retarget", "title")
    return "\n".join([table_text(columns, rows, right_aligned=("seconds", "joints")), *broken])


def explain(wanted: str, choices: MotionChoices, environ: Mapping[str, str]) -> tuple[str, bool]:
    """How a motion capture file is understood, as text, and whether it can be animated.

    Raises:
        UnknownName, MotionFileError: there is no such file, or it can't be read.
    """
    library = motion_library(environ)
    name, clip_name = split_clip_name(wanted)
    path = library.path(find_motion_file(name, environ))
    if path.suffix.lower() in {".yaml", ".yml"}:
        raise MotionFileError(path, ["this is a motion's YAML file, which says itself how it is read"], hint="name its motion capture file")
    choices = replace(choices, clip=clip_name, retarget=find_motion_file(str(choices.retarget), environ) if choices.retarget else None)
    clip, body = library.clip(path, choices), library.body(path, choices)
    length = float(len(clip.positions) * clip.frame_time)
    lines = [
        f"{path}: clip {clip.name!r}, {len(clip.positions)} frames, {length:.2f} s, {len(clip.joint_names)} joints",
        *(f"note: {note}" for note in clip.notes),
    ]
    if body is None:
        lines += ["no body is found: expected two legs, two arms and a trunk between them", "joints: " + ", ".join(clip.joint_names[:60])]
        return "\n".join([*lines, "--retarget with a file of your own settles it"]), False
    lines += _map_lines(body)
    is_enough = body.confidence >= ENOUGH
    if is_enough:
        motion = library.motion(path, choices)
        config = library.retarget(choices.retarget) if choices.retarget else library.matching_retarget(motion)
        lines.append(f"retarget configuration: {config.name}; travel: {motion.travel}")
        lines += [f"note: {note}" for note in library.warnings(path, choices) if note not in clip.notes]
    else:
        lines.append(f"this is too doubtful to be animated (at least {ENOUGH:.0%} is needed): --retarget, --up and --facing settle it")
    return "\n".join(lines), is_enough


def _map_lines(body: BodyMap) -> list[str]:
    rows = [
        ("hips", body.hips),
        ("trunk", " > ".join(body.trunk)),
        ("head", body.head or "none"),
        ("left arm", " > ".join(body.left_arm.joints)),
        ("right arm", " > ".join(body.right_arm.joints)),
        ("left leg", " > ".join(body.left_leg.joints)),
        ("right leg", " > ".join(body.right_leg.joints)),
        ("up", str(body.up)),
        ("confidence", f"{body.confidence:.0%}"),
    ]
    lines = [f"  {label:<11} {text}" for label, text in rows]
    return [*lines, *(f"because {reason}" for reason in body.reasons), *(f"in doubt: {doubt}" for doubt in body.doubts)]


def write_configs(wanted: str, choices: MotionChoices, target: Path, environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Write what was found as a motion YAML file at `target` and a retarget YAML file beside it.

    Raises:
        MotionFileError: as `explain`, and where the map is too doubtful.
        OutputFailed: a file can't be written.
    """
    library = motion_library(environ)
    name, clip_name = split_clip_name(wanted)
    path = library.path(find_motion_file(name, environ))
    choices = replace(choices, clip=clip_name, retarget=find_motion_file(str(choices.retarget), environ) if choices.retarget else None)
    motion = library.motion(path, choices)
    body = library.body(path, choices)
    if body is None:
        raise MotionFileError(path, ["no body is found"])
    retarget = target.with_name(f"{target.stem}_retarget.yaml")
    _write(retarget, retarget_yaml(body_config(body, retarget.stem), body.reasons))
    start = len(library.clip(path, choices).positions) - motion.frame_count  # a pose before the motion is skipped
    found = _named(motion, target)
    text = motion_yaml(found, body, path.resolve(), retarget=str(retarget.resolve()), clip=clip_name, start_frame=start)
    _write(target, text)
    return target, retarget


def _named(motion: Motion, target: Path) -> Motion:
    return replace(motion, name=target.stem)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"it can't be written: {error.strerror}", path=path) from error
