"""What joint names say: a part of the body, a side, or that a joint is no part of the body.

Names are hints only. They are read in the spellings of common tools (any case, prefixes, separators, camel case) and in some of the
languages that tools are used in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache


class Part(StrEnum):
    """A part of the body that a joint's name may mean."""

    HIPS = "hips"
    SPINE = "spine"
    NECK = "neck"
    HEAD = "head"
    CLAVICLE = "clavicle"
    UPPER_ARM = "upper arm"
    FOREARM = "forearm"
    HAND = "hand"
    FINGER = "finger"
    THIGH = "thigh"
    SHIN = "shin"
    FOOT = "foot"
    TOE = "toe"
    FACE = "face"
    OTHER = "other"
    """A helper, a prop, clothes: no part of the body that a drawing has."""


ARM_PARTS = frozenset({Part.CLAVICLE, Part.UPPER_ARM, Part.FOREARM, Part.HAND, Part.FINGER})
LEG_PARTS = frozenset({Part.THIGH, Part.SHIN, Part.FOOT, Part.TOE})
HEAD_PARTS = frozenset({Part.NECK, Part.HEAD, Part.FACE})

# The first pattern that is found in a name without case, separators, digits and side decides. Order matters: "forearm" before "arm".
# These are spellings found in files, British and foreign ones, too: no spelling rule of this repository applies to them.
_PATTERNS: tuple[tuple[Part, str], ...] = (
    (
        Part.OTHER,
        r"twist|roll$|^ik|ik$|pole|target|^ctrl|control|helper|offset|weapon|sword|gun|prop|hair|skirt|cloth|cape|bust|breast|^tail",
    ),
    (Part.OTHER, r"wing|aim|attach|socket|camera|light|^root$|armature|^reference|trajectory|^world|nub$"),
    (Part.FACE, r"eye|jaw|brow|lip|tongue|teeth|cheek|nostril|mouth|lid|^ear|oris|risor|levator|orbicul|temporal|oculi|chin"),
    (
        Part.FINGER,
        r"finger|thumb|index|middle|ring|pinky|pinkie|little|metacarp|carpal|knuckle|daumen|pouce|pulgar|親指|人指|中指|薬指|小指|指",
    ),
    (Part.TOE, r"toe|ball|forefoot|zehe|orteil|dedo|metatars|つま先|爪先|趾"),
    (
        Part.FOREARM,
        r"forearm|lowerarm|lowarm|elbow|radius|ulna|unterarm|ellenbogen|avantbras|coude|codo|antebrazo|gomito|avambraccio|ひじ|肘|前腕",
    ),
    (Part.UPPER_ARM, r"upperarm|uparm|humerus|shldr|oberarm|^arm$|brazo|braccio|^bras|腕$|上臂|上腕"),
    (Part.CLAVICLE, r"clav|collar|shoulder|schulter|schlussel|epaule|hombro|spalla|肩|锁骨|鎖骨"),
    (Part.HAND, r"hand|wrist|palm|handgelenk|poignet|main$|mano|muneca|polso|手首|手$|手腕"),
    (Part.SHIN, r"shin|calf|tibia|knee|lowerleg|lowleg|unterschenkel|knie|genou|mollet|rodilla|pantorrilla|ginocchio|ひざ|膝|小腿"),
    (Part.FOOT, r"foot|ankle|heel|fuss|knochel|pied|cheville|^pie$|tobillo|piede|caviglia|足首|脚踝|踝"),
    (Part.THIGH, r"thigh|upperleg|upleg|femur|buttock|oberschenkel|cuisse|muslo|coscia|hipjoint|^leg$|bein|jambe|pierna|gamba|足$|大腿|腿"),
    (Part.NECK, r"neck|hals|^cou$|cuello|collo|首|颈|頸"),
    (Part.HEAD, r"head|skull|nose|kopf|tete|cabeza|testa|頭|头"),
    (Part.HIPS, r"hip|pelvis|becken|hufte|huefte|bassin|cadera|bacino|centre|center|センター|下半身|腰|骨盆"),
    (Part.SPINE, r"spine|chest|thorax|torso|back|abdomen|waist|belly|wirbel|brust|dos$|poitrine|pecho|columna|schiena|petto|上半身|脊|胸"),
)
_COMPILED = tuple((part, re.compile(pattern)) for part, pattern in _PATTERNS)
# A side where it is written apart from the rest of the name, after camel case has been taken apart.
_SIDE_WORDS = re.compile(r"(^|_)(left|right|lft|rgt|l|r|links|rechts|gauche|droite?|izquierd[ao]|derech[ao]|sinistr[ao]|destr[ao])(?=_|$)")
_SIDE_START = re.compile(r"^(left|right|左|右)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOISE = re.compile(r"[^a-zぁ-んァ-ヶー一-龠]+")
# Left and right in one name each: what the one has where the other has the other.
_SIDES = (
    ("left", "right"),
    ("lft", "rgt"),
    ("links", "rechts"),
    ("gauche", "droite"),
    ("gauche", "droit"),
    ("izquierdo", "derecho"),
    ("izquierda", "derecha"),
    ("sinistro", "destro"),
    ("sinistra", "destra"),
    ("左", "右"),
    ("l", "r"),
)
_ACCENTS = str.maketrans("àâäáãèéêëìíîïòóôöõùúûüñç", "aaaaaeeeeiiiiooooouuuunc")


@lru_cache(maxsize=4096)
def part_named(name: str) -> Part | None:
    """The part of the body that a joint's name means, or None."""
    spaced = _CAMEL.sub("_", name.rsplit(":", 1)[-1]).lower().translate(_ACCENTS).replace(".", "_").replace("-", "_").replace(" ", "_")
    bare = _NOISE.sub("", _SIDE_START.sub("", _SIDE_WORDS.sub("_", spaced).strip("_")))
    sided = bool(_SIDE_WORDS.search(spaced) or _SIDE_START.search(spaced))
    for text in (bare, bare[1:] if bare[:1] in {"l", "r"} else ""):  # lhumerus, rShldr
        for part, pattern in _COMPILED:
            if text and pattern.search(text):
                return Part.THIGH if part is Part.HIPS and (sided or text != bare) else part
    return None


def parts_named(names: Iterable[str]) -> frozenset[Part]:
    """The parts that any of the names mean."""
    return frozenset(part for name in names if (part := part_named(name)))


def left_one(first: Sequence[str], second: Sequence[str]) -> int:
    """Which of two mirrored limbs' names are the left ones: 1 the first, -1 the second, 0 unknown. Names correspond by position."""
    votes = sum(_left_of(a.lower(), b.lower()) for a, b in zip(first, second, strict=False))
    return (votes > 0) - (votes < 0)


def are_mirrored(first: str, second: str) -> bool:
    """Whether two names differ in nothing but the side."""
    return _left_of(first.lower(), second.lower()) != 0


def _left_of(first: str, second: str) -> int:
    for left, right in _SIDES:
        if _differs_by(first, second, left, right):
            return 1
        if _differs_by(first, second, right, left):
            return -1
    return 0


def _differs_by(first: str, second: str, own: str, others: str) -> bool:
    """Whether `second` is `first` with one `own` replaced by `others`."""
    start = first.find(own)
    while start >= 0:
        if first[:start] + others + first[start + len(own) :] == second:
            return True
        start = first.find(own, start + 1)
    return False
