"""One dialogue held.

converse       the one loop
chat, goals    what differs between the modes
prompts        what each side sees; context: whether that fits
replies        what of a reply counts
recording      what was said so far, and its record; resume: going on with one
doctor         what both servers are, and what is wrong; doctor_prompts: with prompts;
               doctor_tries: tried; doctor_remarks: in which order it is said
thoughts       what a reasoning model thinks aloud, kept apart from what it says
aim            told to Aim while it happens, by aim_process
"""
