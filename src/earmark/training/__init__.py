"""From labelled clips to a trained model.

`options.py`          what a recipe says about training
`request.py`          what a training was asked for, and the directory that is its own
`preparing.py`        clips decoded, and which of them can be used
`origin.py`           which model at hand few clips begin with, if any; a network before its first update
`transfer.py`         a network with the weights of another model
`head.py`             a pooling alone, on kept embeddings; `fine_tuning.py`: the head first, and the better of both
`kept.py`             what an encoder gives, on disk for the next training
`objective.py`        the loss
`module.py`           a network as the training engine sees it; randomness and learning rate as functions of the step;
                      figures after every epoch
`captured.py`         the same, recorded and replayed as two launches on an NVIDIA GPU
`loop.py`             one training, resumed where it stopped
`callbacks.py`        log, checkpoints, and where the time of a training goes
`weights.py`          weights of the last epochs averaged, batch statistics taken anew
`stages.py`           one training, or that of a teacher and of its student; `pseudo.py`: frame labels by a teacher
`operating_point.py`  how the trained model decides
`run.py`              all of it: from a request to a model directory
`card.py`             what came of it, and the model card

Nothing is imported here: recipes need the options alone, not the engine.
"""
