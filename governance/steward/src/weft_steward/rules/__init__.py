"""Every rule that looks at more than one value: who exists, who owns what, what follows what."""

from weft_steward.rules import paths, rfcs, seats
from weft_steward.rules.registry import READING_RULES, RULES, Rule, check

__all__ = ["READING_RULES", "RULES", "Rule", "check", "paths", "rfcs", "seats"]
