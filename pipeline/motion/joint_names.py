"""Prefixes of joint names, such as "mixamorig:", which a motion may have and a retarget configuration not, or the reverse."""

from __future__ import annotations

import re
from collections.abc import Sequence

# A namespace ends at the last colon, or, where there is none, at the first underscore.
_NAMESPACE = re.compile(r"(.*:|[^:_]*_)(?=.)")


def without_namespace(names: Sequence[str]) -> tuple[str, ...]:
    """The names without a prefix such as "mixamorig:" or "mixamorig_", if every one of them has the same."""
    found = [_NAMESPACE.match(name) for name in names]
    prefixes = {match[1] if match else "" for match in found}
    if len(names) < 2 or len(prefixes) != 1:
        return tuple(names)
    (prefix,) = prefixes
    return tuple(name.removeprefix(prefix) for name in names)


def namespace_of(wanted: Sequence[str], names: Sequence[str]) -> str:
    """The prefix under which `names` have every one of `wanted`, such as "mixamorig:"; "" if they have them as they are, or not at all."""
    known = set(names)
    prefixes = dict.fromkeys(["", *(match[0] for name in names if (match := _NAMESPACE.match(name)))])
    return next((prefix for prefix in prefixes if all(prefix + name in known for name in wanted)), "")
