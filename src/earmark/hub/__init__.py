"""Models by name: the one in the package, and checkpoints of others turned into earmark model directories.

`inert`, `checkpoint`   tensors out of a .pth file, running nothing the file says
`published`             names, addresses and checksums of the PANNs checkpoints
`refused`               architectures that cannot be imported, to name them
`panns`                 their architectures as earmark's, tensor by tensor
`refused`               architectures that cannot be imported, to be named
`importing`             checkpoint file in, model directory out
`download`, `names`     "panns/cnn14" to a directory in the user's cache
`box`                   "earmark/everyday", which is in the package

`locate` finds a model by its name or directory; `at_hand` lists those that need no download.
"""

from earmark.hub.names import at_hand, locate

__all__ = ["at_hand", "locate"]
