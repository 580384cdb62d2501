"""What a config says.

schema      the one table of keys, and Config
load        JSON text and --set -> Config, or every problem at once
checks      what a value may be
goal_keys   the keys of the goal mode
personas    who wants what: persona and objective lists
cards       character cards, read, with card_png, card_macros and foreign_cards
from_cards  what a card fills in
"""
