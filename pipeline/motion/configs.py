"""AnimatedDrawings' motion and retarget YAML files (etc/doc/file-formats.md, "Motion configuration", "Retarget configuration").

All of its keys are read, with six of our own in motion files: `loops`, `title`, `retarget`, `root`, `clip` and
`travel`. Where it insists on Python tuples,
lists are accepted as well; where it insists on floats, whole numbers are. A key that is not known is an error: it is a typing mistake
far more often than a note, and a mistyped optional key would be ignored in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

from pipeline.files.yaml_files import Section, nearest, raise_problems, shown_value, yaml_mapping
from pipeline.motion.joint_names import namespace_of, without_namespace
from pipeline.motion.up_axis import UpAxis
from pipeline.types import AboveCheck, DrawGroup, ProjectionGroup, ProjectionMethod, RetargetConfig, RootOffset, Travel


@dataclass(frozen=True)
class MotionConfig:
    """A motion YAML file.

    Attributes:
        name: the file's stem.
        title: what people are shown.
        bvh_path: the motion capture file.
        start_frame, end_frame: frames [start, end) are used; None is all.
        frame_time: seconds that replace the BVH file's own, exact, or None.
        ground_joint, facing_pairs, scale, loops: as in `pipeline.types.Motion`.
        up: which axis of the BVH file points up.
        retarget: name of the retarget configuration that shows the motion best, or None.
        root: the joint that carries the body, or None for the file's first; if it is given, position channels of all joints are honored.
        clip: the name of a clip of a file with several, or None.
        travel: what is shown of the path.
    """

    name: str
    title: str
    bvh_path: Path
    start_frame: int
    end_frame: int | None
    frame_time: Fraction | None
    ground_joint: str
    facing_pairs: tuple[tuple[str, str], ...]
    scale: float
    up: UpAxis
    loops: bool = False
    retarget: str | None = None
    root: str | None = None
    clip: str | None = None
    travel: Travel = Travel.FULL


def read_motion_config(path: Path, *, roots: Sequence[Path] = ()) -> MotionConfig:
    """A motion YAML file; its BVH file is looked for from the working directory, then in `roots`, then beside the YAML file.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    problems: list[str] = []
    fields = Section(yaml_mapping(path), problems)
    bvh_path = fields.file("filepath", roots=roots, beside=path)
    start = fields.integer("start_frame_idx", 0)
    config = MotionConfig(
        name=path.stem,
        title=fields.text("title", path.stem.replace("_", " ")),
        bvh_path=bvh_path or path,  # a stand-in: without the file there are problems
        start_frame=start,
        end_frame=_end_frame(fields, start),
        frame_time=_frame_time(fields),
        ground_joint=fields.text("groundplane_joint"),
        facing_pairs=cast("tuple[tuple[str, str], ...]", fields.name_lists("forward_perp_joint_vectors", length=2)),
        scale=fields.number("scale", above=0),
        up=fields.choice("up", UpAxis),
        loops=fields.flag("loops", default=False),
        retarget=fields.text("retarget", "") or None,
        root=fields.text("root", "") or None,
        clip=fields.text("clip", "") or None,
        travel=fields.choice("travel", Travel, Travel.FULL),
    )
    fields.finish()
    raise_problems(path, problems)
    return config


def _end_frame(fields: Section, start: int) -> int | None:
    """The frame before which to stop; 0 means all, as it does in AnimatedDrawings."""
    if not fields.has("end_frame_idx"):
        fields.allow("end_frame_idx")
        return None
    end = fields.integer("end_frame_idx")
    if 0 < end <= start:
        fields.note("end_frame_idx", f"expected more than start_frame_idx, {start}, found {end}")
    return end or None


def _frame_time(fields: Section) -> Fraction | None:
    """Seconds; the shortest decimal of the float, which is what was written, is taken exactly."""
    if not fields.has("frame_time"):
        fields.allow("frame_time")
        return None
    seconds = fields.number("frame_time", above=0)
    if seconds > 60 or 0 < seconds < 1e-5:
        fields.note("frame_time", f"expected seconds from 1e-05 to 60, found {seconds:g}")
        return None
    return Fraction(str(seconds)) or None


def read_retarget_config(path: Path) -> RetargetConfig:
    """A retarget YAML file; a namespace that all its motion joints share ("mixamorig:") is left out.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    problems: list[str] = []
    fields = Section(yaml_mapping(path), problems)
    config = RetargetConfig(
        name=path.stem,
        starting_location=cast("tuple[float, float, float]", fields.numbers("char_starting_location", 3)),
        projection_groups=_projection_groups(fields),
        draw_groups=_draw_groups(fields),
        root_offset=_root_offset(fields),
        mapping=_mapping(fields),
        checks=_above_checks(fields),
    )
    fields.finish()
    if not problems:
        _note_loose_ends(config, fields)
    raise_problems(path, problems)
    return _renamed(config, dict(zip(config.motion_joints, without_namespace(config.motion_joints), strict=True)))


def _projection_groups(fields: Section) -> tuple[ProjectionGroup, ...]:
    groups: list[ProjectionGroup] = []
    for entry in fields.sections("bvh_projection_bodypart_groups", minimum=1):
        group = ProjectionGroup(entry.text("name"), entry.names("bvh_joint_names"), entry.choice("method", ProjectionMethod))
        if group.name and any(other.name == group.name for other in groups):
            entry.note("name", f"expected a name of its own, found a second {group.name!r}")
        entry.finish()
        groups.append(group)
    return tuple(groups)


def _draw_groups(fields: Section) -> tuple[DrawGroup, ...]:
    groups = []
    for entry in fields.sections("char_bodypart_groups", minimum=1):
        groups.append(DrawGroup(entry.names("bvh_depth_drivers"), entry.names("char_joints")))
        entry.finish()
    return tuple(groups)


def _root_offset(fields: Section) -> RootOffset:
    entry = fields.section("char_bvh_root_offset")
    if not entry.keys():
        return RootOffset((), (), "")
    offset = RootOffset(
        entry.name_lists("bvh_joints"), entry.name_lists("char_joints"), entry.text("bvh_projection_bodypart_group_for_offset")
    )
    entry.finish()
    return offset


def _mapping(fields: Section) -> dict[str, tuple[str, str]]:
    entry = fields.section("char_joint_bvh_joints_mapping")
    pairs = {joint: entry.names(joint, minimum=2) for joint in entry.keys()}  # noqa: SIM118 - a Section is no dictionary
    for joint, pair in pairs.items():
        if len(pair) > 2:
            entry.note(joint, f"expected a pair of motion joints, found {len(pair)}")
    return {joint: (pair[0], pair[1]) for joint, pair in pairs.items() if len(pair) == 2}


def _above_checks(fields: Section) -> tuple[AboveCheck, ...]:
    checks = []
    for i, words in enumerate(fields.name_lists("char_runtime_checks", minimum=0)):
        if len(words) == 4 and words[0] == "above":
            checks.append(AboveCheck(*words[1:]))
        else:
            fields.note(f"char_runtime_checks[{i}]", f"expected [above, target, joint, joint], found {shown_value(list(words))}")
    return tuple(checks)


def _note_loose_ends(config: RetargetConfig, fields: Section) -> None:
    """What names something that the file itself would have to define."""
    groups = [group.name for group in config.projection_groups]
    wanted = config.root_offset.projection_group
    if wanted not in groups:
        known = ", ".join(groups)
        fields.note("char_bvh_root_offset.bvh_projection_bodypart_group_for_offset", f"expected one of {known}, found {wanted!r}")
    projected = {joint for group in config.projection_groups for joint in group.joints}
    for joint, (_, distal) in config.mapping.items():
        if distal not in projected:
            fields.note(f"char_joint_bvh_joints_mapping.{joint}", f"{distal} is in no projection group{nearest(distal, projected)}")
    for i, group in enumerate(config.draw_groups):
        for driver in group.depth_drivers:
            if driver not in projected:
                fields.note(
                    f"char_bodypart_groups[{i}].bvh_depth_drivers", f"{driver} is in no projection group{nearest(driver, projected)}"
                )


def spelt_as(config: RetargetConfig, motion_joints: Sequence[str]) -> RetargetConfig:
    """The same for a motion whose joints have a namespace that was left out of `config`, because other joints of the motion have none."""
    prefix = namespace_of(config.motion_joints, motion_joints)
    return _renamed(config, {name: prefix + name for name in config.motion_joints}) if prefix else config


def _renamed(config: RetargetConfig, new: Mapping[str, str]) -> RetargetConfig:
    """The same with new names for its motion joints."""
    offset = config.root_offset
    return RetargetConfig(
        name=config.name,
        starting_location=config.starting_location,
        projection_groups=tuple(ProjectionGroup(g.name, tuple(new[j] for j in g.joints), g.method) for g in config.projection_groups),
        draw_groups=tuple(DrawGroup(tuple(new[j] for j in g.depth_drivers), g.joints) for g in config.draw_groups),
        root_offset=RootOffset(
            tuple(tuple(new[j] for j in chain) for chain in offset.motion_chains), offset.character_chains, offset.projection_group
        ),
        mapping={joint: (new[proximal], new[distal]) for joint, (proximal, distal) in config.mapping.items()},
        checks=config.checks,
    )
