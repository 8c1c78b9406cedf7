"""Models by name: the one in the package, and checkpoints of others turned into earmark model directories.

`inert`, `checkpoint`   tensors out of a PyTorch file, running nothing the file says
`published`             one table: names, addresses, checksums, authors and licences of the public checkpoints
`family`                what a family states: expected tensors, conversion, operating point
`panns`, `efficientat`, `frame_mn`, `atst`, `beats`, `yamnet`   a family each
`refused`               relatives of PANNs that cannot be imported, to be named
`hdf5`, `tensor_bundle`, `onnx_layers`   weights out of files of Keras, TensorFlow and ONNX
`importing`             checkpoint file in, model directory out
`download`, `names`     "panns/cnn14" to a directory in the user's cache
`cache`                 where that is
`huggingface`           "hf:org/name": models from the Hugging Face Hub, and to it
`model_files`           the files that a model consists of
`box`                   "earmark/everyday", which is in the package

`locate` finds a model by its name or directory; `at_hand` lists those that need no download. What must not be written
into is known to `check_changeable`; scores of such models are kept in `notes_of`.

A new family, FAMILY/NAME, takes four things:

1.  `published`: a `Source` (authors, licences) and a row of `CHECKPOINTS` for each checkpoint: its address as the
    authors state it, the key under which its tensors lie (None: the file is nothing but tensors), its labels, and
    checksums only if the authors publish them.
2.  a module of the family's name (an underscore for a dash) with `FAMILY = Family(...)`: `expected(name)` gives the
    names and shapes of a checkpoint's tensors, `converted(state, name)` a network of ours with its values in
    evaluation mode (`check_finite` first), `point(name, labels)` the operating point of an untuned model, `unused` the
    tensors that may be there and are not read, `read(path)` tensors out of a format that is not PyTorch's,
    `renamed(state)` one name for tensors that files name in several ways, `finished(network, name, path)` what a file
    says besides its tensors, such as the order of its classes. A file is recognised by its checksum, then by
    `differences` from `expected`.
3.  a line in `importing.FAMILIES`.
4.  a recipe `recipes/FAMILY/NAME.yaml` with the same network, without a schedule that nobody ran.
"""

from earmark.hub.names import at_hand, check_changeable, locate, notes_of

__all__ = ["at_hand", "check_changeable", "locate", "notes_of"]
