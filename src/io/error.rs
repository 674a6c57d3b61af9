//! What can be wrong with a transport.

use super::kafka::POSITIONS_VERSION;
use crate::error::{Code, Coded, Exit};
use crate::state::StateError;

/// Why topics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// No broker answers.
    #[error("Kafka at {servers} cannot be reached")]
    Unreachable {
        /// The configured brokers.
        servers: String,
        /// What the client says.
        source: rdkafka::error::KafkaError,
    },
    /// A setting of the client is wrong.
    #[error("the Kafka client refuses its settings")]
    Settings(#[source] rdkafka::error::KafkaError),
    /// Topics are missing.
    #[error("topics are missing: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Topics have another number of partitions than the flow, and may not.
    #[error("topics have the wrong number of partitions: {}", .0.join(", "))]
    Partitions(Vec<String>),
    /// A topic could not be made.
    #[error("topic {topic} cannot be created: {why}")]
    Create {
        /// The topic.
        topic: String,
        /// What the broker says.
        why: String,
    },
    /// A record is larger than the topic takes.
    #[error("a record of {bytes} bytes for {topic} is too large")]
    TooLarge {
        /// The topic.
        topic: String,
        /// Its size.
        bytes: usize,
    },
    /// Writing or committing failed for good.
    #[error("Kafka does not take {what}")]
    Write {
        /// What was to be written.
        what: &'static str,
        /// What the client says.
        source: rdkafka::error::KafkaError,
    },
    /// The partitions went to another process before what was done for them was committed.
    #[error("partitions of this process went to another one")]
    Fenced,
    /// The group's position says something that this version does not read.
    #[error(
        "the group's position in {place} has format {found}, this version reads format {POSITIONS_VERSION}"
    )]
    Positions {
        /// The topic and the partition.
        place: String,
        /// The format it says it has.
        found: String,
    },
    /// Reading failed for good.
    #[error("Kafka cannot be read")]
    Read(#[source] rdkafka::error::KafkaError),
    /// The store of the embedded transport failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A record in the store cannot be read.
    #[error("a stored record of {topic} at offset {offset} cannot be read")]
    Record {
        /// The topic.
        topic: String,
        /// The offset.
        offset: i64,
    },
    /// A thread of the transport ended.
    #[error("the transport has stopped")]
    Stopped,
}

macro_rules! codes {
    ($($id:ident = $name:literal, $exit:ident, $about:literal, $hint:literal;)*) => {
        $(static $id: Code = Code { name: $name, exit: Exit::$exit, about: $about, hint: $hint };)*
        /// All codes of this component.
        pub static IO_CODES: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    UNREACHABLE = "kafka-unreachable", Unreachable, "No Kafka broker answers.",
        "check kafka.bootstrap_servers and that the broker runs; TLS and SASL settings go to [kafka.properties]";
    SETTINGS = "kafka-settings", Config, "A setting in [kafka.properties] is not one of librdkafka's, or has a wrong value.",
        "see librdkafka's CONFIGURATION.md for the names and values";
    MISSING = "topics-missing", Unreachable, "Topics of the flow do not exist on the broker.",
        "create them with `domainflow topics create SPEC`";
    PARTITIONS = "topics-partitions", Unreachable, "A topic has another number of partitions than the flow, and may not: requests and results of a name are read by whoever owns its partition, and a join that starts again reads in the joined records of its partition what it has given up.",
        "set topics.partitions to the number that the topic of joined records has; results in topics with another number are read by a node `{ repartition: TOPIC }`, requests need topics with this one (`domainflow topics create`)";
    CREATE = "topics-create", Unreachable, "The broker refuses to create a topic.",
        "check the rights of the user and the replication factor";
    TOO_LARGE = "record-too-large", Unreachable, "A record is larger than its topic takes.",
        "raise topics.max_record, and max.message.bytes of the topics; or lower tls.max_body";
    WRITE = "kafka-write", Unreachable, "The broker does not take records or offsets.",
        "check the broker's log; the job can be started again, nothing is lost";
    FENCED = "kafka-fenced", Unreachable, "The group gave the partitions of this process to another one, as when it was not heard of for longer than session.timeout.ms.",
        "start it again: nothing is lost or written twice";
    POSITIONS = "group-format", Unreachable, "The positions of the group were committed by a version with another format, or by another program.",
        "use the version that committed them, or begin anew in another group with --set kafka.group_id=NAME; nothing was changed";
    READ = "kafka-read", Unreachable, "The broker cannot be read from.",
        "check the broker's log; the job can be started again, nothing is lost";
    RECORD = "record-broken", State, "A record of the embedded transport cannot be read.",
        "the state directory is damaged: give another with --set state.dir=DIR";
    STOPPED = "transport-stopped", Internal, "A thread of the transport ended unexpectedly.",
        "please report this, with the log";
}

impl Coded for IoError {
    fn code(&self) -> &'static Code {
        match self {
            IoError::Unreachable { .. } => &UNREACHABLE,
            IoError::Settings(_) => &SETTINGS,
            IoError::Missing(_) => &MISSING,
            IoError::Partitions(_) => &PARTITIONS,
            IoError::Create { .. } => &CREATE,
            IoError::TooLarge { .. } => &TOO_LARGE,
            IoError::Write { .. } => &WRITE,
            IoError::Fenced => &FENCED,
            IoError::Positions { .. } => &POSITIONS,
            IoError::Read(_) => &READ,
            IoError::State(error) => error.code(),
            IoError::Record { .. } => &RECORD,
            IoError::Stopped => &STOPPED,
        }
    }
}
