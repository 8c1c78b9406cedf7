"""From a labelled collection to batches.

`records.py`     clips, manifests and problems, as the other files speak of them
`manifest.py`    any labelled folder or table -> one checked manifest (`tables.py`, `folders.py`, `locate.py`)
`splits.py`      which clips train and which validate
`doctor.py`      what is wrong with a collection (`inspection.py`: one recording, `spelling.py`: labels)
`store.py`       clips as samples at one rate, decoded once (`pack.py`) or each time
`balance.py`     class-balanced batches as a function of the step
`batches.py`     batches of waveforms
`synthetic.py`   a small data set of sounds made on the spot (`sounds.py`)
"""
