"""The runs of a sweep against each other.

observe   what is compared of a dialogue
compare   every run with one of them, in pairs of equal seeds
report    the comparison, written and read
wording   what it says in words; tables: lines for a terminal
"""
