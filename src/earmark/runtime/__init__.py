"""What runs a model on recordings; no torch.

`windows`   recordings of any length in overlapping windows, cross-faded
`scorer`    many recordings through a model, decoding ahead, in bounded memory
`ensemble`  several models whose scores are averaged
`pipeline`  model and operating point: tags and events
`bulk`      many recordings, and an account of what failed
`onnx`      an engine over ONNX Runtime
`directory` what the runtime reads of a model directory
"""
