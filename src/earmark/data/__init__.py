"""From a labelled collection to batches.

`records`                   clips, manifests and problems, as the other files speak of them
`manifest`                  any labelled folder or table -> one checked manifest (`folders`, `label_folders`, `locate`)
`datasets`                  published data sets, read as they are distributed
`reading`, `splits`         what trains and what validates; recordings without labels
`doctor`                    what is wrong with a collection or with one recording
`store`, `pack`             clips as networks are given them, decoded once or each time, or kept in a GPU's memory
`decoding`                  the decoding itself, by other processes where clips are many
`targets`                   labels of millions of clips, and of their frames
`balance`                   class-balanced batches as a function of the step; the authors' own queue
`batches`                   batches of clips
`soundscapes`               soundscapes with strong labels, mixed from isolated recordings
`synthetic`                 a small data set of sounds made on the spot
"""
