"""Loops and breaks, one file each.

registry    the dict of them, in order of precedence
find        all of them over one dialogue
thresholds  their numbers, and a file that changes some
evidence    hits -> stretches, positions -> Finding, the same way for all
examples    a dialogue in a line, for doctests
refusal_*   how refusals are worded, a table a language, and the scene that they stand in

What a kind looks for in parts: intra_turn_repetition by character_runs, line_runs, repeats and
weak_repeats; multi_turn_loop by paths, restarts and rounds; prefix_ and suffix_repetition by
templates, template_views and stanzas; word_soup by salad, not_prose and unlikely_words; role_leak
by labels; semantic_repetition by courtesy (and its phrases), spent, echo, reworded, work and
stretches.
"""
