"""A trained model at work on recordings.

`windows.py`   recordings of any length in overlapping windows, cross-faded
`fusion.py`    several models that speak as one; `models.py` keeps either kind on disk
`scorer.py`    many recordings through the model, decoding ahead, in bounded memory
`stopwatch.py` where a run's time goes
`pipeline.py`  model and operating point: tags and events
"""

from earmark.inference.fusion import Fusion
from earmark.inference.pipeline import Pipeline, Result
from earmark.inference.scorer import Job, Scored, Scorer, Waveform

__all__ = ["Fusion", "Job", "Pipeline", "Result", "Scored", "Scorer", "Waveform"]
