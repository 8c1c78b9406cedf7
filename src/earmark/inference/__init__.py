"""A trained model at work on recordings.

`windows.py`   recordings of any length in overlapping windows, cross-faded
`scorer.py`    many recordings through the model, decoding ahead, in bounded memory
`pipeline.py`  model and operating point: tags and events
"""

from earmark.inference.pipeline import Pipeline, Result
from earmark.inference.scorer import Job, Scored, Scorer, Waveform

__all__ = ["Job", "Pipeline", "Result", "Scored", "Scorer", "Waveform"]
