"""Inference servers behind one seam: base.py says what an engine does, each other file is one
server dialect.
"""
