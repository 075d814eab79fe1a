"""Reader of AnimatedDrawings' char_cfg.yaml: image size and joints (etc/doc/file-formats.md, "Character folder").

Joints may come in any order in the file; the result has parents first. Joints that don't form one tree are refused.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.files.yaml_files import Section, nearest, raise_problems, yaml_mapping
from pipeline.types import TURNS, Floats, Ints, Turn

TURNED = "turned"
MAX_JOINTS = 1000
MAX_SIDE = 16_384


@dataclass(frozen=True, eq=False)
class CharacterConfig:
    """Content of a char_cfg.yaml.

    Attributes:
        width, height: of the images, px.
        joint_names: J unique names, parents first.
        parents: (J,) int32, -1 for the root.
        locations: (J, 2) float64, x and y of a pixel, y down.
        turn: degrees clockwise by which images and joints have to be turned to be upright.
    """

    width: int
    height: int
    joint_names: tuple[str, ...]
    parents: Ints
    locations: Floats
    turn: Turn = 0


def read_character_config(path: Path) -> CharacterConfig:
    """Read a char_cfg.yaml.

    Raises:
        ConfigError: with all problems of the file.
    """
    problems: list[str] = []
    fields = Section(yaml_mapping(path), problems)
    width, height = (fields.integer(side, minimum=1, maximum=MAX_SIDE) for side in ("width", "height"))
    degrees = fields.integer(TURNED, 0, maximum=270)
    turn = next((turn for turn in TURNS if turn == degrees), None)
    if turn is None:
        fields.note(TURNED, f"expected {', '.join(map(str, TURNS))} degrees, found {degrees}")
    joints: list[tuple[str, str | None, tuple[float, ...]]] = []
    for entry in fields.sections("skeleton", minimum=1):
        parent = entry.text("parent") if entry.has("parent") or "parent" not in entry.keys() else None  # noqa: SIM118 - a Section is no dictionary
        joints.append((entry.text("name"), parent, entry.numbers("loc", 2)))
    if len(joints) > MAX_JOINTS:
        fields.note("skeleton", f"expected at most {MAX_JOINTS} joints, found {len(joints)}")
    names, parent_of = [name for name, _, _ in joints], {name: parent for name, parent, _ in joints}
    if not problems:
        problems += _hierarchy_problems(parent_of, names)
    raise_problems(path, problems)
    order = _parents_first(names, parent_of)
    index_of = {name: index for index, name in enumerate(order)}
    parents = [index_of[parent] if (parent := parent_of[name]) is not None else -1 for name in order]
    location_of = {name: location for name, _, location in joints}
    locations = np.array([location_of[name] for name in order], dtype=np.float64)
    return CharacterConfig(width, height, tuple(order), np.array(parents, dtype=np.int32), locations, turn or 0)


def edited_config(path: Path, locations: Mapping[str, tuple[int, int]], size: tuple[int, int] | None = None) -> str:
    """Text of a char_cfg.yaml with joints moved to other pixels (x, y), and otherwise unchanged, including comments and line ends.

    If entries share values (anchors, merged keys), the file is rewritten with all keys, but without comments.

    Args:
        size: new width and height of the images, px; None leaves them.
    Raises:
        ConfigError: an invalid file, a location outside the image, or an unknown joint.
    """
    config = read_character_config(path)
    width, height = size or (config.width, config.height)
    problems = []
    for name, (x, y) in locations.items():
        if name not in config.joint_names:
            problems.append(f"{name}: is no joint of this figure{nearest(name, config.joint_names)}")
        elif not (0 <= x < width and 0 <= y < height):
            problems.append(f"{name}: expected a pixel of the image, which is {width} x {height} px, found ({x}, {y})")
    raise_problems(path, problems)
    text = path.read_bytes().decode("utf-8")
    if not any(isinstance(event, yaml.AliasEvent) or getattr(event, "value", "") == "<<" for event in yaml.parse(text, yaml.SafeLoader)):
        return _with_numbers_replaced(text, locations, {"width": width, "height": height} if size else {})
    fields = yaml_mapping(path)
    fields |= {"width": width, "height": height}
    for entry in fields["skeleton"]:
        entry["loc"] = list(locations.get(entry["name"], entry["loc"]))
    return yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)


def _with_numbers_replaced(text: str, locations: Mapping[str, tuple[int, int]], sides: Mapping[str, int]) -> str:
    """The text with the numbers of `loc`, `width` and `height` replaced."""
    document = yaml.compose(text, yaml.SafeLoader)
    nodes = [(value, sides[key.value]) for key, value in document.value if key.value in sides] if document else []
    for entry in _value(document, "skeleton"):
        nodes += zip(_value(entry, "loc"), locations.get(_value(entry, "name"), ()), strict=False)
    spans = [(node.start_mark.index, node.end_mark.index, str(number)) for node, number in nodes]
    for start, end, number in sorted(spans, reverse=True):
        text = text[:start] + number + text[end:]
    return text


def _value(mapping: yaml.Node | None, key: str) -> Any:  # noqa: ANN401 - YAML is untyped
    """Value node of a key; the file is already validated."""
    return next(value.value for name, value in mapping.value if name.value == key) if mapping else ()


def _hierarchy_problems(parents: dict[str, str | None], names: list[str]) -> list[str]:
    """Reasons why the joints don't form one tree."""
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [f"skeleton: {name} is there {names.count(name)} times, expected unique names" for name in twice]
    roots = [name for name in names if parents[name] is None]
    if not roots:
        problems.append("skeleton: there is no root, expected one joint with parent: null")
    elif len(roots) > 1:
        problems.append(f"skeleton: expected one joint with parent: null, found {', '.join(roots)}")
    unknown = {name: parent for name, parent in parents.items() if parent is not None and parent not in parents}
    problems += [f"skeleton: {name}'s parent {parent!r} is no joint{nearest(parent, parents)}" for name, parent in unknown.items()]
    if not problems:
        reached = set(_parents_first(names, parents))
        astray = [name for name in names if name not in reached]
        if astray:
            problems.append(f"skeleton: {', '.join(astray)} hang on each other in a cycle, expected a path to the root")
    return problems


def _parents_first(names: list[str], parents: dict[str, str | None]) -> list[str]:
    """Joints in file order with parents first; joints in a cycle are left out.

    Siblings keep their order, since the last sibling that turns their parent wins (etc/doc/algorithm.md, "Rig").
    """
    children: dict[str | None, list[int]] = {}
    for index, name in enumerate(names):
        children.setdefault(parents[name], []).append(index)
    order: list[str] = []
    ready = children.get(None, [])[:1]
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for child in children.get(name, ()):
            heapq.heappush(ready, child)
    return order
