"""Many dialogues.

launch        what parrot.sh starts
plan          the dialogues of run folders, done or not
jobs          dialogues in flight, each a process of its own
progress      how many tokens they have come to, and how long the rest takes
away          servers that do not answer, for which dialogues wait
combinations  a sweep's runs, laid out
slurm         the same as a job array
"""
