"""Soundscapes with strong labels, mixed from isolated recordings.

`sources.py`               which recordings
`recordings.py`            the part of each recording that sounds
`mixing.py`                one soundscape
`rendering.py`             all of them, in several processes, going on after a stop
`tables.py`, `options.py`  what is written, and what is asked for
"""
