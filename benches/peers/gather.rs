//! What a bare Kafka client can move: reads the same topics and writes the bytes of each name's results as one record. It knows
//! beforehand how many there are; nothing is checked, nothing is on disk, nothing is in a transaction.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use super::PARTITIONS;
use crate::on_kafka::results::{TOPICS, results_of};
use crate::on_kafka::{compression, name_of, number_of};

/// Where an IP result's key, `{"dn":"…`, has the name.
const IN_KEY: usize = 7;

/// Gathers everything that lies in the topics.
pub fn gather(brokers: &str, prefix: &str, output: &str) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "gather")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut from = TopicPartitionList::new();
    for topic in TOPICS {
        for partition in 0..PARTITIONS {
            let topic = format!("{prefix}.{topic}");
            from.add_partition_offset(&topic, partition as i32, Offset::Beginning).expect("an offset");
        }
    }
    consumer.assign(&from).expect("topics");
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", compression())
        .set("linger.ms", "5")
        .set("delivery.report.only.error", "true")
        .create()
        .expect("a producer");
    let mut open: HashMap<usize, (usize, Vec<u8>)> = HashMap::new();
    let mut ends = 0;
    while ends < from.count() {
        let message = match consumer.poll(Duration::from_secs(10)) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(_))) => {
                ends += 1;
                continue;
            }
            other => panic!("no record: {other:?}"),
        };
        let key = message.key().expect("a key");
        let number = number_of(if key[0] == b'{' { &key[IN_KEY..] } else { key });
        let (missing, bytes) = open.entry(number).or_insert_with(|| (results_of(number), vec![]));
        bytes.extend_from_slice(message.payload().expect("a value"));
        *missing -= 1;
        if *missing > 0 {
            continue;
        }
        let (_, bytes) = open.remove(&number).expect("it is there");
        let name = name_of(number);
        let mut record =
            BaseRecord::to(output).partition((number % PARTITIONS) as i32).key(&name).payload(&bytes);
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::ZERO);
            std::thread::sleep(Duration::from_micros(500));
            record = back;
        }
        producer.poll(Duration::ZERO);
    }
    assert!(open.is_empty(), "names without all results");
    producer.flush(Duration::from_secs(60)).expect("the brokers take it");
}
