"""Reads the joined records as any consumer would, with Confluent's Avro deserializer, until every name has one."""

import sys
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

PATIENCE = 600  # seconds

broker, registry, prefix, list_of_names = sys.argv[1:]
expected = set(open(list_of_names, encoding="utf-8").read().split("\n")) - {""}
topic = f"{prefix}.all_collected_data"
consumer = Consumer(
    {
        "bootstrap.servers": broker,
        "group.id": f"{prefix}-reader",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
)
consumer.subscribe([topic])
deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
context = SerializationContext(topic, MessageField.VALUE)


def first_request():
    """The time of the first request, in seconds."""
    reader = Consumer({"bootstrap.servers": broker, "group.id": f"{prefix}-first"})
    requests = f"{prefix}.to_process_zone"
    partitions = reader.list_topics(requests).topics[requests].partitions
    times = []
    for partition in partitions:
        low, high = reader.get_watermark_offsets(TopicPartition(requests, partition))
        if high > low:
            reader.assign([TopicPartition(requests, partition, low)])
            times.append(reader.poll(30).timestamp()[1] / 1000)
    reader.close()
    return min(times)


records, incomplete, times, deadline = {}, 0, [], time.time() + PATIENCE
while len(records) < len(expected):
    if time.time() > deadline:
        sys.exit(f"only {len(records)} of {len(expected)} names have a record")
    message = consumer.poll(1)
    if message is None:
        continue
    if message.error():
        sys.exit(f"cannot read: {message.error()}")
    record = deserialize(message.value(), context)
    assert isinstance(record["dnsResult"]["statusCode"], int), record
    name = message.key().decode()
    records[name] = records.get(name, 0) + 1
    incomplete += dict(message.headers())["domainflow-complete"] != b"true"
    times.append(message.timestamp()[1] / 1000)
consumer.close()

assert set(records) == expected, sorted(set(records) ^ expected)[:10]
twice = [name for name, count in records.items() if count > 1]
times.sort()
first = first_request()
seconds = times[-1] - first
print(f"{len(records)} names, each with its record; {len(twice)} with more than one; {incomplete} incomplete")
print(f"{seconds:.1f} s from the first request to the last record: {len(records) / seconds:.0f} names/s")
print(f"99.9 % of them were there after {times[len(times) * 999 // 1000 - 1] - first:.1f} s")
if twice:
    sys.exit(f"twice: {twice[:10]}")
