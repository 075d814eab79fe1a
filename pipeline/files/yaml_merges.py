"""Merge keys (`<<`) and aliases of a composed YAML document, resolved on its nodes before any value is constructed.

PyYAML merges while it constructs, in a way that differs between its releases: 6.0.4 drops a key by the identity of its text, so that a
mapping's own value may lose against a merged one. `resolve_merges` leaves nothing for it to merge, and refuses, in time that is linear in
the size of the text, documents that expand to far more than was written.

Source: https://yaml.org/type/merge.html (a mapping's own keys win; of several merged mappings the first one wins).
"""

from __future__ import annotations

import yaml

MAX_MERGED = 1000
_MERGE_TAG = "tag:yaml.org,2002:merge"


def resolve_merges(root: yaml.Node, *, max_values: int) -> None:
    """Replace every merge key below `root` by the keys that it stands for, in place.

    Key order is that of a dict updated with the merged mappings from last to first, then with the mapping's own keys.

    Args:
        root: the document's root node, as `yaml.compose` returns it; an alias is the same node at several places.
        max_values: how many keys and values the document may have, each alias counted as all that it repeats.

    Raises:
        yaml.MarkedYAMLError: a key is given twice, something else than mappings is merged, a value contains itself through an alias, more
            than `MAX_MERGED` keys are merged, or there are more than `max_values` values.
    """
    _Resolver(max_values).resolve(root)


class _Resolver:
    """A walk in the order of the text. An alias follows its anchor, so what it refers to is resolved unless it contains the alias."""

    def __init__(self, max_values: int) -> None:
        self._max_values = max_values
        self._open: set[yaml.Node] = set()  # a node equals only itself
        self._values: dict[yaml.Node, int] = {}  # of a resolved node: how many values it expands to
        self._pairs: dict[yaml.MappingNode, int] = {}  # of a resolved mapping: its pairs, duplicates of merged mappings included
        self._merged = 0

    def resolve(self, node: yaml.Node) -> int:
        """Resolve a node; returns how many values it expands to."""
        known = self._values.get(node)
        if known is not None:
            return known
        if node in self._open:
            raise _error(node, "contains itself through an alias")
        self._open.add(node)
        values = 1
        if isinstance(node, yaml.SequenceNode):
            values += sum(self.resolve(item) for item in node.value)
        elif isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys(node)
            values += sum(self.resolve(key) + self.resolve(value) for key, value in node.value)
            self._merge(node)
        if values > self._max_values:
            raise _error(node, f"its aliases repeat more than {self._max_values} values")
        self._open.discard(node)
        self._values[node] = values
        return values

    def _merge(self, node: yaml.MappingNode) -> None:
        own = [(key, value) for key, value in node.value if key.tag != _MERGE_TAG]
        merged = [mapping for key, value in node.value if key.tag == _MERGE_TAG for mapping in _merged_mappings(value)]
        copied = sum(self._pairs[mapping] for mapping in merged)
        self._pairs[node] = len(own) + copied
        self._merged += copied
        if self._merged > MAX_MERGED:
            raise _error(node, f"more than {MAX_MERGED} keys are merged with <<")
        if len(own) < len(node.value):
            pairs = [pair for mapping in reversed(merged) for pair in mapping.value] + own
            node.value = list({_identity(key): (key, value) for key, value in pairs}.values())


def _merged_mappings(value: yaml.Node) -> list[yaml.MappingNode]:
    mappings = value.value if isinstance(value, yaml.SequenceNode) else [value]
    for mapping in mappings:
        if not isinstance(mapping, yaml.MappingNode):
            found = "a list" if isinstance(mapping, yaml.SequenceNode) else "a single value"
            raise _error(mapping, f"<<: expected a mapping or a list of mappings, found {found}")
    return list(mappings)


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise _error(key, f"{key.value}: is given twice")
            seen.add(key.value)


def _identity(key: yaml.Node) -> tuple[str, str] | int:
    """Identity of a key, for duplicates; only scalars have one."""
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def _error(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
