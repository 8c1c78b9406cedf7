"""What `__main__.py` is made of, in the order of its work.

`licences`     which licences let a model made of a recording be passed on
`table`        one table of all the recordings, and what is left out
`folds`        training, held out for thresholds, and test; source recordings apart
`conditions`   takes: recordings as they reach a listener; and the recordings as they are
`soundscapes`  `earmark synth` of each part
`beginning`    the network to begin with, where a training does not begin from scratch
`real`         scores of recordings, and what a list of tags and events is worth
`choosing`     the operating point: tags, and gates of events
`events`       how events are found
`pool`         what it is chosen on, and for which aim
`figures`      the table of figures on real recordings
`card`         README.md, and the section of docs/results.md
`installing`   the files that ship
`candidates`   a program of its own: trainings side by side on held-out recordings, to choose one by
"""
