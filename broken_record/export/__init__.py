"""Dialogues as data to train on.

formats   what --export and --side can be asked for
samples   what a side is to learn of a dialogue, in each format
dataset   the file and its card
"""
