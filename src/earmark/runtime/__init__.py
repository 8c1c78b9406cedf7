"""What runs a model on recordings; no torch.

`windows.py`   recordings of any length in overlapping windows, cross-faded
`scorer.py`    many recordings through a model, decoding ahead, in bounded memory
`pipeline.py`  model and operating point: tags and events
"""
