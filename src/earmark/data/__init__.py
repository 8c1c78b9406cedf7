"""From a labelled collection to batches.

`records.py`     clips, manifests and problems, as the other files speak of them
`manifest.py`    any labelled folder or table -> one checked manifest (`tables.py`, `folders.py`, `locate.py`)
`dcase2017.py`   a DCASE2017 task 4 folder as published (`dcase2017_lists.py`: its lists)
`audioset.py`    an AudioSet folder as published (`audioset_lists.py`, `audioset_names.py`, `audioset_files.py`)
`embeddings.py`  AudioSet's released embeddings (`tfrecord.py`, `sequence_example.py`)
`splits.py`      which clips train and which validate
`doctor.py`      what is wrong with a collection (`inspection.py`: one recording, `spelling.py`: labels)
`store.py`       clips as samples at one rate, decoded once (`pack.py`) or each time
`targets.py`     weak labels of millions of clips
`balance.py`     class-balanced batches as a function of the step
`batches.py`     batches of waveforms
`soundscapes.py` soundscapes of isolated recordings (`soundscape_sources.py` and `_choice`: which; `_recordings` and
                 `_activity`: what of each is heard; `_mixing`: one soundscape; `_tables`, `_options`)
`synthetic.py`   a small data set of sounds made on the spot (`sounds.py`)
"""
