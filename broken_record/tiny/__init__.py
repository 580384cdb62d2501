"""The embedded models: weights and tokenizer, and the scripts that make them from nothing."""
