"""Events over MQTT, and Home Assistant told of them by its discovery.

    earmark/NODE/availability          online | offline (retained; offline is the last will)
    earmark/NODE/LABEL/state           ON | OFF (retained): whether the sound goes on
    earmark/NODE/LABEL/event           the newest update as JSON (`base.py`)
    earmark/NODE/events                every update as JSON
    homeassistant/binary_sensor/earmark_NODE_LABEL/config      discovery, retained: a binary sensor a label

Updates go out with quality of service 1, in order. A broker that is away gets them when it is back (`delivery.py`);
then the states are those of the last update, as everything is sent in order.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from earmark.errors import ConfigError, MissingExtraError
from earmark.files import json_text
from earmark.runtime.sinks.base import News, Sink
from earmark.runtime.sinks.delivery import Away, Delivery

PORT, PORT_TLS = 1883, 8883
TIMEOUT = 10.0  # seconds
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]+")


class MqttSink(Sink):
    """Publishes to the broker at `url`, mqtt://[user:password@]host[:port] or mqtts://..., as `node`.

    `labels` are announced to Home Assistant. `MissingExtraError` without paho-mqtt, `ConfigError` for what is no URL.
    """

    def __init__(
        self,
        url: str,
        node: str,
        labels: Sequence[str],
        queue: Path,
        say: Callable[[str], object],
        first_pause: float = 1.0,
    ) -> None:
        host, port, user, password, tls = _parts(url)
        try:
            from paho.mqtt import client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ModuleNotFoundError as error:
            raise MissingExtraError("paho-mqtt", "live", "--mqtt") from error
        self.node, self.labels = slug(node), tuple(labels)
        self._open: dict[str, set[int]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"earmark-{self.node}")
        if user is not None:
            self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set()
        self._client.will_set(self._topic("availability"), "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._gone
        self._there = threading.Event()
        self._why = "no connection"
        self._client.reconnect_delay_set(1, 30)
        self._client.connect_async(host, port, keepalive=30)
        self._client.loop_start()
        self.delivery = Delivery(queue, self._post, f"MQTT broker {host}:{port}", say, first_pause)

    def take(self, news: News) -> None:
        """Put it into the queue."""
        self.delivery.put(news.as_json())

    def close(self) -> None:
        """Send what can be sent, and say that nobody listens any more."""
        self.delivery.close()
        if self._there.is_set():
            self._client.publish(self._topic("availability"), "offline", qos=1, retain=True).wait_for_publish(TIMEOUT)
        self._client.disconnect()
        self._client.loop_stop()

    def _topic(self, *parts: str) -> str:
        return "/".join(["earmark", self.node, *parts])

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        """In paho's thread. A refusal (a wrong password) is the same as a broker that is away, with its reason."""
        if reason.is_failure:
            self._why = str(reason)
            return
        for topic, payload in discovery(self.node, self.labels):
            client.publish(topic, json_text(payload), qos=1, retain=True)
        client.publish(self._topic("availability"), "online", qos=1, retain=True)
        self._there.set()

    def _gone(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._there.clear()
        self._why = "connection lost"

    def _post(self, message: dict[str, Any]) -> None:
        if not self._there.wait(2.0):
            raise Away(self._why)
        text, label = json_text(message), message["label"]
        going = self._open.setdefault(label, set())
        if message["type"] == "end":
            going.discard(message["id"])
        else:
            going.add(message["id"])
        self._publish(self._topic("events"), text)
        self._publish(self._topic(slug(label), "event"), text)
        self._publish(self._topic(slug(label), "state"), "ON" if going else "OFF", retain=True)

    def _publish(self, topic: str, text: str, retain: bool = False) -> None:
        """Until the broker has taken it."""
        sent = self._client.publish(topic, text, qos=1, retain=retain)
        try:
            sent.wait_for_publish(TIMEOUT)
        except (RuntimeError, ValueError) as error:
            raise Away(self._why) from error
        if not sent.is_published():
            raise Away("no answer")


def discovery(node: str, labels: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """The retained messages, (topic, payload), from which Home Assistant makes a sensor a label."""
    made = []
    for label in labels:
        unique = f"earmark_{node}_{slug(label)}"
        payload = {
            "name": label.replace("_", " "),
            "unique_id": unique,
            "object_id": unique,
            "device_class": "sound",
            "state_topic": f"earmark/{node}/{slug(label)}/state",
            "json_attributes_topic": f"earmark/{node}/{slug(label)}/event",
            "availability_topic": f"earmark/{node}/availability",
            "payload_on": "ON",
            "payload_off": "OFF",
            "device": {"identifiers": [f"earmark_{node}"], "name": f"earmark {node}", "manufacturer": "earmark"},
            "origin": {"name": "earmark"},
        }
        made.append((f"homeassistant/binary_sensor/{unique}/config", payload))
    return made


def slug(name: str) -> str:
    """A name as a part of a topic.

    >>> slug("Car horn, distant"), slug("+/#")
    ('Car_horn_distant', 'x')
    """
    return _UNSAFE.sub("_", name).strip("_") or "x"


def _parts(url: str) -> tuple[str, int, str | None, str | None, bool]:
    """Host, port, user, password, and whether it is encrypted."""
    wrong = ConfigError(
        f"--mqtt {url.rpartition('@')[2]}: expected mqtt://host, mqtt://user:password@host:1883, mqtts://.."
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise wrong
    tls = parts.scheme == "mqtts"
    user, password = (None if each is None else unquote(each) for each in (parts.username, parts.password))
    return parts.hostname, port or (PORT_TLS if tls else PORT), user, password, tls
