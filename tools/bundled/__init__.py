"""What `__main__.py` is made of, in the order of its work.

`licences`     which licences let a model made of a recording be passed on
`table`        one table of all the recordings, and what is left out
`folds`        training and two held-out halves, source recordings apart
`soundscapes`  `earmark synth` of each part
`crossing`     figures on each half, decided by what was chosen on the other
`figures`      the row of each class
`card`         README.md
`installing`   the files that ship
"""
