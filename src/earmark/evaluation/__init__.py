"""A model on labelled recordings: scored once, then tuned, measured and reported.

`labelled`      labelled recordings scored and measured; `score_cache`: scores kept on disk
`tuning`        an objective in, an operating point out; `psds_tuning`, `psds_trials`: smoothing for PSDS
`few_timed`     whether timed clips are enough to replace an operating point that tags gave
`diagnostics`   curves, confusions and hard recordings
`report`        the page of `earmark evaluate --report`; `card`: the model card after a tuning
"""
