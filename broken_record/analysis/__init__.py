"""One dialogue examined, and what that comes to over a run.

analyse        a dialogue, or its file -> its entry in the report; all files on all cores
segments       repeated n-grams, the old numbers and loop coverage; metrics: the rest
penalties      why the repetition penalty missed a loop; copy_distance: where it was looking
course         lengths and novelty, turn by turn; texts: dialogues read once more, for the page
report         entries and their summary; report_file: analysis.json
rows           entries as flat rows; row_files: dialogues.csv and findings.csv
tables         lines for a terminal; histograms: the buckets of lengths and densities
library        what `from broken_record import ...` offers
"""
