"""The parts behind parrot.py, analyze.py and view.py."""
