"""Where events go that are heard live. A sink is given every update as it comes, and may be given the sound.

`base.py`      what a sink is, and how an update reads as JSON
`files.py`     lines of JSON, and tables that grow
`clips.py`     a sound file of each event, the oldest deleted first
`delivery.py`  a queue on disk for what cannot be sent now, sent in order later
`webhook.py`   HTTP
`mqtt.py`      MQTT, with Home Assistant's discovery (extra `live`)
"""

from earmark.runtime.sinks.base import News, Sink
from earmark.runtime.sinks.clips import ClipSink
from earmark.runtime.sinks.files import LineSink, TableSink
from earmark.runtime.sinks.mqtt import MqttSink
from earmark.runtime.sinks.webhook import WebhookSink

__all__ = ["ClipSink", "LineSink", "MqttSink", "News", "Sink", "TableSink", "WebhookSink"]
