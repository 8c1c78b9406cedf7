"""Models in torch: one network, several fused, and the directories that hold them.

`network`        front-end, encoder and pooling in one module
`fusion`        several of them, whose scores are averaged
`directory`     model directories: read, written, joined, opened to run
`fast`          the same networks with batch normalisation folded and convolutions packed
`torch_engine`  a network as the runtime sees it
`captured`      a network recorded and replayed as one launch on an NVIDIA GPU
`embedding`     the same network as far as its encoder, for embeddings
"""
