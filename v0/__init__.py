"""The first design, kept as runnable history: one model writes a whole dialogue in one go."""
