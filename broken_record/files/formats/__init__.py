"""Chats from elsewhere, a file a format; how they differ is docs/chats.md.

entries   what a format gives: conversations of entries, and the formats' own form
parts     what a message says, of text, parts and what was thought
registry  the one dict of all formats
"""
