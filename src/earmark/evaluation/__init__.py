"""A model on labelled recordings: scored once, then tuned, measured and reported."""
