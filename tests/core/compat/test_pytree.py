"""``torch.utils._pytree`` under the alias: trees taken apart and put together."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest

import weft
from weft._core import tree as core_tree
from weft.compat.torch.names import utils_pytree as pytree

Pair = namedtuple("Pair", "first second")
TREES = [
    1,
    [1, (2, 3), {"b": 4, "a": [5]}],
    Pair(1, [2]),
    OrderedDict(b=1, a=2),
    defaultdict(list, {"x": 1}),
    deque([1, 2], maxlen=3),
    [],
]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_a_tree_is_put_together_as_it_was(tree: Any) -> None:
    leaves, spec = pytree.tree_flatten(tree)
    again = pytree.tree_unflatten(leaves, spec)
    assert again == tree and type(again) is type(tree)
    assert pytree.tree_structure(tree) == spec and spec.num_leaves == len(leaves)
    assert leaves == core_tree.flatten(tree)[0]
    if isinstance(tree, deque):
        assert again.maxlen == tree.maxlen


def test_nestings_differ_by_class_keys_and_children() -> None:
    specs = [pytree.tree_structure(tree) for tree in (*TREES, [1], (1,), {"a": 1}, {"b": 1})]
    for i, one in enumerate(specs):
        assert [one == other for other in specs] == [i == j for j in range(len(specs))]
    assert (
        repr(pytree.tree_structure({"a": [1]}))
        == "TreeSpec(dict, ['a'], [TreeSpec(list, None, [*])])"
    )


def test_too_few_or_too_many_leaves_are_refused() -> None:
    spec = pytree.tree_structure([1, 2])
    for leaves in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match=f"has 2 leaves, got {len(leaves)}"):
            pytree.tree_unflatten(leaves, spec)


def test_functions_are_mapped_over_leaves() -> None:
    assert pytree.tree_map(lambda x, y: x + y, [1, {"a": 2}], [10, {"a": 20}]) == [11, {"a": 22}]
    assert pytree.tree_map_only(int, lambda x: -x, [1, "two"]) == [-1, "two"]
    assert pytree.tree_map_only((int, str), lambda x: x * 2, [1, "two"]) == [2, "twotwo"]
    whole = pytree.tree_map(len, [[1, 2], [3]], is_leaf=lambda x: x and isinstance(x[0], int))
    assert whole == [2, 1]
    assert pytree.tree_all(bool, [1, [2]]) and pytree.tree_any(bool, [0, [2]])
    assert not pytree.tree_all(bool, [1, [0]]) and not pytree.tree_any(bool, [0, []])


def test_a_registered_class_is_a_container_everywhere() -> None:
    class Box:
        def __init__(self, content: Any) -> None:
            self.content = content

    pytree.register_pytree_node(Box, lambda box: ([box.content], "box"), lambda one, _: Box(*one))
    try:
        assert pytree.tree_leaves([Box([1, 2])]) == [1, 2]
        mapped = weft.vmap(lambda box: Box(box.content * 2))(Box(weft.arange(3)))
        assert mapped.content.tolist() == [0, 2, 4]
    finally:
        del pytree.SUPPORTED_NODES[Box], core_tree.registered[Box]
