"""A model on labelled recordings: scored once, then tuned, measured and reported.

`labelled`      labelled recordings scored and measured; `score_cache`: scores kept on disk
`tuning`        an objective in, an operating point out; `psds_tuning`: smoothing for PSDS
`few_timed`     whether few timed clips decide better than tags alone
`diagnostics`   curves, confusions and hard recordings
`report`        the page of `earmark evaluate --report`
"""
