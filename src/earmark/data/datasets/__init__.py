"""Published data sets, read as they are distributed.

`dcase2017`   a DCASE2017 task 4 folder
`audioset`    an AudioSet folder; `audioset_lists`: its lists and names
`embeddings`  AudioSet's released embeddings; `tfrecord`: the files that hold them
"""
