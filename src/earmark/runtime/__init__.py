"""What runs a model on recordings; no torch.

`windows`     recordings of any length in overlapping windows, cross-faded
`scorer`      many recordings through a model, decoding ahead, in bounded memory
`ensemble`    several models whose scores are averaged
`tagger`    model and operating point: tags and events
`live`        sound that goes on: updates of events as they happen
`listening`   a source, a listener and sinks put together
`sinks`       where live events go: lines, tables, HTTP, MQTT, sound files
`bulk`        a recording as a task, what was decided of it, the account of all; results handed on as they come
`archive`     a run that writes results as they come, and goes on where it was stopped
`place`       where it writes, and how its options differ from those before
`journal`     what it has done, one line a recording
`lock`        one run at a time in a folder
`tables`      output tables that grow
`processes`   several processes on one machine
`shared_model`, `shared_engine`   one model on a GPU, and processes that read and decide around it
`distributed` many machines, by Ray
`merging`     shards put together
`onnx`        an engine over ONNX Runtime
`directory`   what the runtime reads of a model directory
`embedder`    recordings to embeddings, per frame, second or clip; `similar`: the stretches nearest to an example
`clips`       sound files cut around detections
`review`, `review_tables`   verdicts of a person on detected events, and the tables that come of them
"""
