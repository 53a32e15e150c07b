"""Short forms: the items that keep most information in every group while every element stays covered."""

from recoverymetrics.refine.short_form.assemble import assemble_short_form
from recoverymetrics.refine.short_form.problem import Assembly, AssemblyProblem, Requirements, Rule, solve
from recoverymetrics.refine.short_form.result import ShortForm

__all__ = ["Assembly", "AssemblyProblem", "Requirements", "Rule", "ShortForm", "assemble_short_form", "solve"]
