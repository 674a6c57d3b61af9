"""The join on bytewax: the parts of a name are glued into one record when all are there that its DNS result asks for.

No deadlines, no checks of the parts beyond what completeness needs, state in memory. Times and keys are those of the bench.
"""

import json
import os

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow

BROKERS = [os.environ["BENCH_BROKERS"]]
PREFIX = os.environ["BENCH_PREFIX"]
COLLECTORS = ["geo-asn", "nerd", "rdap-ip", "rtt"]
FIELDS = {
    f"{PREFIX}.processed_zone": "zone",
    f"{PREFIX}.processed_DNS": "dnsResult",
    f"{PREFIX}.processed_TLS": "tlsResult",
    f"{PREFIX}.processed_RDAP_DN": "rdapDomainResult",
}


def keyed(message):
    field = FIELDS.get(message.topic)
    if field is not None:
        return message.key.decode(), (field, None, message.value)
    key = json.loads(message.key)
    return key["dn"], (key["ip"], json.loads(message.value)["collector"], message.value)


def join(state, part):
    """The state: parts of the name, results of addresses, and how many of these are needed (known from DNS)."""
    parts, results, needed = state or ({}, {}, None)
    of, collector, value = part
    if collector is not None:
        results.setdefault(of, {})[collector] = value
    else:
        parts[of] = value
        if of == "dnsResult":
            needed = {found["ip"] for found in json.loads(value)["ips"] or []}
    whole = needed is not None and len(parts) == len(FIELDS)
    if not whole or any(len(results.get(ip, ())) < len(COLLECTORS) for ip in needed):
        return (parts, results, needed), []
    glued = [b'"%s":%s' % (field.encode(), parts[field]) for field in FIELDS.values()]
    of_addresses = [
        b'"%s":{%s}' % (ip.encode(), b",".join(b'"%s":%s' % (name.encode(), of_ip) for name, of_ip in found.items()))
        for ip, found in results.items()
    ]
    glued.append(b'"ipResults":{%s}' % b",".join(of_addresses))
    return None, [b"{%s}" % b",".join(glued)]


topics = [*FIELDS, f"{PREFIX}.collected_IP_data"]
flow = Dataflow("join")
results = op.input("results", flow, KafkaSource(BROKERS, topics, tail=False))
by_name = op.map("by-name", results, keyed)
joined = op.stateful_flat_map("join", by_name, join)
records = op.map("record", joined, lambda of: KafkaSinkMessage(of[0].encode(), of[1]))
settings = {"compression.type": os.environ["COMPRESSION"], "linger.ms": "5"}
sink = KafkaSink(BROKERS, os.environ["BENCH_OUTPUT"], add_config=settings)
op.output("joined", records, sink)
