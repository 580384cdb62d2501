"""Dialogues as data to train on: samples in four formats, and the dataset with its card."""
