"""Loops and breaks, one file each.

registry    the dict of them, in order of precedence
find        all of them over one dialogue
thresholds  their numbers, and a file that changes some
evidence    hits -> stretches, positions -> Finding, the same way for all
examples    a dialogue in a line, for doctests
refusal_*   how refusals are worded, a table a language, and the scene that they stand in
"""
