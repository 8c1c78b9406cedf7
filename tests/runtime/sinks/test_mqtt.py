"""MQTT against a real mosquitto: states, last will, discovery, and a broker that goes and comes back."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earmark.decisions import Update
from earmark.errors import ConfigError
from earmark.runtime.sinks import MqttSink, News
from earmark.runtime.sinks.mqtt import discovery, slug

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
broker_needed = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed (apt install mosquitto)")


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


class Broker:
    """A mosquitto of our own, that can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        self.config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen([str(MOSQUITTO), "-c", str(self.config)], stderr=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as there:
            return there.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    yield made
    made.stop()


class Watcher:
    """Somebody else at the broker: all that is published, (topic, text) in order."""

    def __init__(self, broker: Broker) -> None:
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self.got: list[tuple[str, str]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda c, d, message: self.got.append((message.topic, message.payload.decode()))
        ready: list[int] = []
        self.client.on_subscribe = lambda *_: ready.append(1)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        until(lambda: ready)

    def of(self, topic: str) -> list[str]:
        return [text for name, text in self.got if name == topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def news(kind: str, number: int, label: str = "car horn") -> News:
    return News(Update(kind, number, label, 0.5, 0.75, 0.8, 20), "mic")


@broker_needed
def test_states_events_availability_and_discovery_are_published(tmp_path: Path, broker: Broker) -> None:
    broker.start()
    watcher = Watcher(broker)
    sink = MqttSink(broker.url, "my yard", ["car horn", "dog"], tmp_path / "queue", print, first_pause=0.05)
    for each in (news("begin", 1), news("begin", 2, "dog"), news("end", 1), news("end", 2, "dog")):
        sink.take(each)
    sink.close()
    until(lambda: "offline" in watcher.of("earmark/my_yard/availability"))
    assert watcher.of("earmark/my_yard/availability") == ["online", "offline"]
    assert watcher.of("earmark/my_yard/car_horn/state") == ["ON", "OFF"]
    assert [json.loads(text)["id"] for text in watcher.of("earmark/my_yard/events")] == [1, 2, 1, 2]
    assert json.loads(watcher.of("earmark/my_yard/dog/event")[0]) == news("begin", 2, "dog").as_json()
    config = json.loads(watcher.of("homeassistant/binary_sensor/earmark_my_yard_car_horn/config")[0])
    assert config["name"] == "car horn"
    assert config["state_topic"] == "earmark/my_yard/car_horn/state"
    assert config["availability_topic"] == "earmark/my_yard/availability"
    late = Watcher(broker)  # what is retained is there for who comes later
    until(lambda: len(late.got) >= 5)
    assert ("earmark/my_yard/car_horn/state", "OFF") in late.got
    assert len([topic for topic, _ in late.got if topic.startswith("homeassistant/")]) == 2
    late.close()
    watcher.close()


@broker_needed
def test_a_broker_that_is_away_gets_the_events_later_in_order(tmp_path: Path, broker: Broker) -> None:
    said: list[str] = []
    sink = MqttSink(broker.url, "yard", ["dog"], tmp_path / "queue", said.append, first_pause=0.05)
    for number in range(1, 4):
        sink.take(news("begin", number, "dog"))
        sink.take(news("end", number, "dog"))
    until(lambda: said)
    assert said[0].startswith(f"MQTT broker 127.0.0.1:{broker.port} cannot be reached")
    assert len(list((tmp_path / "queue").glob("*.json"))) == 6
    broker.start()
    watcher = Watcher(broker)
    until(lambda: len(watcher.of("earmark/yard/events")) >= 6)
    sink.close()
    found = [(each["type"], each["id"]) for each in map(json.loads, watcher.of("earmark/yard/events"))]
    assert found == [(kind, number) for number in range(1, 4) for kind in ("begin", "end")]
    assert not list((tmp_path / "queue").glob("*.json"))
    watcher.close()


@broker_needed
def test_a_listener_that_dies_is_offline_by_its_last_will(tmp_path: Path, broker: Broker) -> None:
    broker.start()
    watcher = Watcher(broker)
    sink = MqttSink(broker.url, "yard", ["dog"], tmp_path / "queue", print)
    until(lambda: "online" in watcher.of("earmark/yard/availability"))
    sink._client.socket().shutdown(socket.SHUT_RDWR)  # the cable is cut
    until(lambda: "offline" in watcher.of("earmark/yard/availability"))
    until(lambda: watcher.of("earmark/yard/availability")[-1] == "online")  # it comes back by itself
    sink.close()
    watcher.close()


def test_discovery_names_each_label_once() -> None:
    topics = [topic for topic, _ in discovery("yard", ["dog", "car horn"])]
    assert topics == [f"homeassistant/binary_sensor/earmark_yard_{label}/config" for label in ("dog", "car_horn")]
    assert slug("Größe #1") == "Gr_e_1"


@pytest.mark.parametrize("url", ["localhost", "http://host", "mqtt://", "mqtt://host:port"])
def test_what_is_no_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"expected mqtt://host, mqtt://user:password@host:1883"):
        MqttSink(url, "yard", [], tmp_path, print)
