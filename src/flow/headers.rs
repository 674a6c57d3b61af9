//! The headers that this program gives records. Foreign consumers may ignore them, foreign producers need not set them.

/// The run a record belongs to: given by the first request, handed on by everything that follows from it.
pub const RUN: &str = "domainflow-run";

/// On results: parts of the joined record that the request did not ask for, such as `rdap-dn`.
pub const NOT_ASKED: &str = "domainflow-not-asked";

/// On results: the collectors of addresses that the request asked for; without it, all.
pub const COLLECTORS: &str = "domainflow-collectors";

/// Which emission of a joined record it is, from 1.
pub const REVISION: &str = "domainflow-revision";

/// `true`, or what is missing from a joined record.
pub const COMPLETE: &str = "domainflow-complete";

/// When what a result says was found out, in milliseconds since the UNIX epoch, if that was for an earlier request.
pub const FOUND: &str = "domainflow-found";

/// What of a record was left out so that it fits its topic, or the limit of its collector; see [`CUT_PAGE`].
pub const CUT: &str = "domainflow-cut";

/// The value of [`CUT`] on results of the TLS collector and on joined records: `html` is only the beginning of the page.
pub const CUT_PAGE: &str = "html";

/// How the headers of dead letters begin.
pub const DEAD: &str = "domainflow-dead-";

/// Where a dead letter comes from, and why it is one.
pub const DEAD_TOPIC: &str = "domainflow-dead-topic";
/// See [`DEAD_TOPIC`].
pub const DEAD_PARTITION: &str = "domainflow-dead-partition";
/// See [`DEAD_TOPIC`].
pub const DEAD_OFFSET: &str = "domainflow-dead-offset";
/// See [`DEAD_TOPIC`].
pub const DEAD_TIME: &str = "domainflow-dead-time";
/// See [`DEAD_TOPIC`]: the node that could not read it.
pub const DEAD_STAGE: &str = "domainflow-dead-stage";
/// See [`DEAD_TOPIC`]: a stable code.
pub const DEAD_CODE: &str = "domainflow-dead-code";
/// See [`DEAD_TOPIC`]: a message for people.
pub const DEAD_MESSAGE: &str = "domainflow-dead-message";
/// See [`DEAD_TOPIC`]: what of the record was too large for its letter, `value` or `value, key, headers`. Such a letter
/// cannot be written again.
pub const DEAD_CUT: &str = "domainflow-dead-cut";
