"""steward: a community's governance, kept as data and checked like code."""

from weft_steward.community import Community, read_community
from weft_steward.problems import Problem
from weft_steward.rules import RULES, Rule, check
from weft_steward.schemas import Person, RfcHeader, Seat, Team

__all__ = [
    "RULES",
    "Community",
    "Person",
    "Problem",
    "RfcHeader",
    "Rule",
    "Seat",
    "Team",
    "check",
    "read_community",
]
