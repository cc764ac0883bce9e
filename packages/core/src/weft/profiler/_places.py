"""Where a profile listens: the joints of weft's functions."""

from __future__ import annotations

from weft._backend.cpu.language.kernel import Kernel
from weft._backend.cpu.onednn_primitives import Primitive
from weft._core import catalogue, dispatch, inplace
from weft._core.joints import CodeJoint, Joint
from weft._tensor import writing
from weft.autograd import _applying
from weft.ops import affine, creation
from weft.transforms import leaves, lowering, rules, tape, walk

APPLY = CodeJoint(dispatch.apply)
APPLY_ONE = CodeJoint(dispatch.apply_one)
AFFINE = CodeJoint(affine._shortly)
WRITE = CodeJoint(inplace.write)
SET = CodeJoint(writing._setitem)
COMPILE = CodeJoint(Kernel._make)
PRIMITIVE = CodeJoint(Primitive.__init__)
CUSTOM = Joint(vars(_applying), "call")
ENTER = Joint(vars(catalogue), "enter")
PASS = Joint(vars(tape), "walk")
LOWERED = Joint(vars(lowering), "lowered")
LOWERING = Joint(vars(lowering), "_made")
RULE = rules.RULE
SUM = Joint(vars(walk), "_add_data")
#: Functions that make a tensor of what is none, which are in no catalogue.
MAKERS: dict[str, Joint] = {
    name: CodeJoint(getattr(creation, name))
    for name in ("tensor", "as_tensor", "asarray_", "from_numpy", "frombuffer")
}
ADDED = Joint(vars(leaves), "added")
ACCUMULATE = Joint(vars(leaves), "accumulate")
