"""Soundscapes with strong labels, mixed from isolated recordings.

`sources.py`, `choice.py`          which recordings
`recordings.py`, `activity.py`     the part of each recording that sounds
`mixing.py`, `rendering.py`        one soundscape; all of them, in processes (`processes.py`), going on after a stop
`tables.py`, `records.py`, `options.py`   what is written, and what is asked for
"""
