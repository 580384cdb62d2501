"""Every format on disk.

record        a dialogue's record (.jsonl): the truth, read and written a line at a time
record_lines  its lines, each by itself
text_log      its text log (.log), for people
chats         chats from elsewhere, of any form in formats/; import_chats splits files of many
values        the JSON values in a file of any size
read          a dialogue of any of these
goal_counts   what a goal dialogue's record counts
run_folder    run.json; sweep_folder: sweep.json
whole         files read whole, and written whole or not at all
"""
