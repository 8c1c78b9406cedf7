"""Published data sets, read as they are distributed.

`dcase2017`   a DCASE2017 task 4 folder
`audioset`    an AudioSet folder (lists and names of labels are in `formats`)
`published`   the table of all sets, and which folder is which; `collections`: how each of the others is read
`embeddings`  AudioSet's released embeddings; `tfrecord`: the files that hold them
"""
