"""Text as the detectors see it.

words       what a word is: its normal form, its class, with offsets into the raw text
transcript  a dialogue cut into words once
similarity  how alike turns are
ngrams      windows of words
"""
