"""From labelled clips to a trained model.

`options.py`     what a recipe says about training
`objective.py`   the loss
`module.py`      a tagger as the training engine sees it; randomness and learning rate as functions of the step
`validation.py`  figures after every epoch
`callbacks.py`   log and checkpoints
`averaging.py`   fusion of the last epochs
`loop.py`        one training, resumed where it stopped
`request.py`     what a training was asked for, and the directory that is its own
`preparing.py`   clips decoded, and what of them can be used
`beginning.py`   a tagger before its first update
`stages.py`      one training, or that of a teacher and of its student: self-training
`pseudo.py`      frame labels by a teacher's scores
`job.py`         the whole job: from a manifest to a model directory
`card.py`        the model card

Nothing is imported here: recipes need the options alone, not the engine.
"""
