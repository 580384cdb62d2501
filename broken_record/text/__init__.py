"""Text as the detectors see it.

words       what a word is: its normal form, its class, with offsets into the raw text
characters  a text as an array of characters: words and ends of sentences, all at once
language    what language words are of, by script and commonest words
structure   what lines are: talk, items, headings, tables, code, drawings
transcript  a dialogue cut into words once
layout      a turn in lines, with the words of its talk
similarity  how alike turns are
ngrams      windows of words
meaning     how alike turns are to a model of sentences
held_strings  what stands in whatever a regular expression finds
"""
