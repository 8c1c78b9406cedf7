"""Models in torch: one network, several fused, and the directories that hold them.

`tagger.py`        front-end, encoder and pooling in one module
`directory.py`     model directories: read, written, joined
`fusion.py`        several models whose scores are averaged
`folding.py`, `packing.py`   the same network, faster
`torch_engine.py`  a model as the runtime sees it
"""
