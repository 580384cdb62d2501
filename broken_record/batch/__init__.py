"""Many dialogues.

launch        what parrot.sh starts
plan          the dialogues of run folders, done or not
jobs          dialogues in flight, each a process of its own
combinations  a sweep's runs, laid out
slurm         the same as a job array
"""
