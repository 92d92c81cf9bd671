"""Machines that speak MQTT, by `python -m tests.ingest.peers.mqtt_publisher PORT PREFIX TAGS SECONDS`: 1 Hz, QoS 1.

Ends when the broker has taken every message; prints how many.
"""

from __future__ import annotations

import json
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.ingest.peers import PASSWORD, USER


def publish(port: int, prefix: str, tags: int, seconds: int) -> int:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.username_pw_set(USER, PASSWORD)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = []
    begun = time.time()
    for second in range(seconds):
        for place in range(tags):
            payload = json.dumps({"ts": round(begun + second, 3), "value": place + second / 10})
            sent.append(client.publish(f"{prefix}/m{place // 40}/s{place % 40}", payload, qos=1))
        time.sleep(max(0.0, begun + second + 1 - time.time()))
    for each in sent:
        each.wait_for_publish(120)
    client.disconnect()
    client.loop_stop()
    return len(sent)


if __name__ == "__main__":
    sys.stdout.write(f"{publish(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))}\n")
