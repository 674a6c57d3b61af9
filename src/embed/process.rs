//! What a process is made of: state, topics, schemas, collectors; everything that a flow is then started on.

use std::sync::Arc;

use super::answers::Answers;
use crate::clock::{SharedClock, SystemClock};
use crate::codec::{FolderRegistry, Format, HttpRegistry, Registry, Schemas, agree, compare};
use crate::collect::dns::DnsCollector;
use crate::collect::geo_asn::GeoAsnCollector;
use crate::collect::nerd::NerdCollector;
use crate::collect::net::rdap::RdapClient;
use crate::collect::net::whois::WhoisClient;
use crate::collect::net::{Dialer, Exchange, HttpClient, IcmpPing, Limiter, Ping, Resolver, Suffixes};
use crate::collect::once::{AskOnce, Kept};
use crate::collect::opt_out::OptOutList;
use crate::collect::qradar::QradarCollector;
use crate::collect::rdap_dn::RdapDnCollector;
use crate::collect::rdap_ip::RdapIpCollector;
use crate::collect::rtt::RttCollector;
use crate::collect::tls::TlsCollector;
use crate::collect::zone::ZoneCollector;
use crate::config::{ConfigError, Settings};
use crate::error::Failure;
use crate::flow::{Collectors, Flow, FlowParts, topics};
use crate::io::embedded::{Embedded, Log};
use crate::io::kafka::{Kafka, TopicSettings};
use crate::io::{Topics, Transport};
use crate::spec::Plan;
use crate::state::{Store, StoreOptions};
use crate::telemetry::Meters;

/// Something that is needed is not configured.
pub type ProcessError = ConfigError;

/// A process before its flow runs.
pub struct Process {
    /// Its settings.
    pub settings: Settings,
    /// What it runs.
    pub plan: Plan,
    /// What is shown of it.
    pub meters: Arc<Meters>,
    /// The time.
    pub clock: SharedClock,
    pub(super) topics: Topics,
    pub(super) group: String,
    pub(super) store: Store,
    pub(super) schemas: Schemas,
    pub(super) collectors: Collectors,
    transport: Arc<dyn Transport>,
    /// The topics, if they are inside of the process.
    pub(super) log: Option<Log>,
}

/// The collectors of a process. `ping` stands in for the network's, if given; answers that shall survive a restart go to
/// `store`.
pub fn collectors(
    settings: &Settings,
    ping: Option<Arc<dyn Ping>>,
    store: Option<&Store>,
    clock: &SharedClock,
) -> Result<Collectors, Failure> {
    let policy = settings.net.policy()?;
    let exchange = Arc::new(Exchange::new(&settings.dns, policy.clone()));
    let resolver = Arc::new(Resolver::new(exchange.clone(), &settings.dns, &settings.net)?);
    let suffixes = Suffixes::open(settings.dns.public_suffix_list.as_deref())?;
    let dialer = Dialer::new(resolver.clone(), policy.clone());
    let limiter = Arc::new(Limiter::new(settings.limits.clone()));
    let http = HttpClient::new(&settings.net, dialer.clone(), limiter.clone())?;
    let rdap = Arc::new(RdapClient::new(settings.rdap.clone(), http.clone()));
    let whois =
        Arc::new(WhoisClient::new(settings.whois.clone(), dialer.clone(), http.clone(), limiter.clone()));
    let ping = match ping {
        Some(ping) => ping,
        None => {
            if let Err(error) = IcmpPing::available() {
                use crate::error::Coded as _;
                tracing::warn!(hint = error.hint(), "{error}");
            }
            Arc::new(IcmpPing::new(settings.rtt.per_second))
        }
    };
    let opt_out = OptOutList::new(policy.clone(), clock.clone());
    let kept = store.filter(|_| settings.cache.disk.0 > 0);
    let kept = kept.map(|store| Arc::new(Answers::new(store)) as Arc<dyn Kept>);
    let memory = AskOnce { config: settings.cache.clone(), kept, clock: clock.clone() };
    let qradar = QradarCollector::new(settings.qradar.clone(), http.clone(), clock.clone())?;
    Ok(Collectors {
        zone: opt_out.over(ZoneCollector::new(
            settings.zone.clone(),
            resolver.clone(),
            suffixes.clone(),
            clock.clone(),
        )),
        dns: opt_out.over(DnsCollector::new(settings.dns.clone(), exchange, resolver, clock.clone())),
        tls: opt_out.over(TlsCollector::new(
            settings.tls.clone(),
            settings.http.clone(),
            &settings.net,
            dialer,
            clock.clone(),
        )),
        rdap_dn: opt_out.over(memory.over(RdapDnCollector::new(
            rdap.clone(),
            whois,
            suffixes,
            clock.clone(),
        ))),
        rdap_ip: opt_out.over(memory.over(RdapIpCollector::new(rdap, clock.clone()))),
        nerd: opt_out.over(memory.over(NerdCollector::new(settings.nerd.clone(), http, clock.clone()))),
        qradar: opt_out.over(memory.over(qradar)),
        geo_asn: opt_out.over(GeoAsnCollector::open(&settings.geo, clock.clone())?),
        rtt: opt_out.over(memory.over(RttCollector::new(&settings.rtt, ping, policy, clock.clone()))),
        limiter,
    })
}

/// How topics are made on a broker.
pub fn topic_settings(settings: &Settings) -> TopicSettings {
    TopicSettings {
        replication: i32::try_from(settings.topics.replication).unwrap_or(i32::MAX),
        retention: settings.topics.retention.0,
        max_record: settings.topics.max_record.0,
    }
}

impl Process {
    /// A process on the configured transport: Kafka if brokers are named, else topics of its own.
    pub fn open(settings: Settings, plan: Plan, ping: Option<Arc<dyn Ping>>) -> Result<Self, Failure> {
        if settings.kafka.bootstrap_servers.is_empty() {
            Self::embedded(settings, plan, ping)
        } else {
            Self::kafka(settings, plan, ping)
        }
    }

    /// A process with topics of its own, whatever brokers are configured.
    pub fn embedded(settings: Settings, plan: Plan, ping: Option<Arc<dyn Ping>>) -> Result<Self, Failure> {
        let (clock, meters) = ground(&plan);
        let store = store(&settings)?;
        let collectors = collectors(&settings, ping, Some(&store), &clock)?;
        let topics = topics(&plan, settings.topics.partitions);
        let log = Log::open(store.clone(), topics.clone())?;
        let group = group(&settings, &plan);
        let transport = Arc::new(Embedded::new(log.clone(), group.clone(), max_record(&settings)));
        let registry = Arc::new(FolderRegistry::open(settings.state.dir.join("schemas"))?);
        let schemas = Schemas::new(registry);
        let log = Some(log);
        Ok(Self { settings, plan, meters, clock, topics, group, store, schemas, collectors, transport, log })
    }

    fn kafka(settings: Settings, plan: Plan, ping: Option<Arc<dyn Ping>>) -> Result<Self, Failure> {
        let (clock, meters) = ground(&plan);
        let avro = plan.topics.iter().any(|topic| topic.record.is_some() && topic.format == Format::Avro);
        if avro && settings.registry.url.is_empty() {
            return Err(ConfigError::Conflict {
                message: "topics of format avro need a schema registry, and registry.url is not set"
                    .to_owned(),
                hint: "set registry.url, or topics.format = \"json\"".to_owned(),
            }
            .into());
        }
        let store = store(&settings)?;
        let collectors = collectors(&settings, ping, Some(&store), &clock)?;
        let topics = topics(&plan, settings.topics.partitions);
        let group = group(&settings, &plan);
        let registry: Arc<dyn Registry> = match avro {
            true => Arc::new(HttpRegistry::new(&settings.registry.url)?),
            false => Arc::new(FolderRegistry::open(settings.state.dir.join("schemas"))?),
        };
        let schemas = Schemas::new(registry);
        let writer = format!("{group}-{}", store.identity()?);
        let limit = max_record(&settings);
        let transport = Arc::new(Kafka::connect(settings.kafka.clone(), &group, topics, writer, limit)?);
        let (topics, log) = (transport.topics().clone(), None);
        Ok(Self { settings, plan, meters, clock, topics, group, store, schemas, collectors, transport, log })
    }

    /// Asks everything that the flow needs whether it answers; what was asked.
    pub async fn probe(&self) -> Result<Vec<&'static str>, Failure> {
        // Opening the process has read the databases and, on Kafka, looked at the topics.
        let mut asked = vec!["databases"];
        if self.log.is_none() {
            asked.push("broker and topics");
            self.agree().await?;
            asked.push("schema registry");
        }
        Ok(asked)
    }

    /// Makes sure that our schemas go together with those of the registry, before any of ours is registered.
    async fn agree(&self) -> Result<(), Failure> {
        let registry = self.schemas.registry();
        Ok(agree(compare(registry.as_ref(), self.plan.schemas()).await?)?)
    }

    /// Starts the flow on the current Tokio runtime.
    pub(super) async fn start(&self) -> Result<Flow, Failure> {
        self.agree().await?;
        Flow::start(FlowParts {
            plan: self.plan.clone(),
            topics: self.topics.clone(),
            transport: self.transport.clone(),
            group: self.group.clone(),
            store: self.store.clone(),
            schemas: self.schemas.clone(),
            collectors: self.collectors.clone(),
            settings: self.settings.flow(),
            meters: self.meters.clone(),
            clock: self.clock.clone(),
        })
        .await
    }
}

/// The topics of `plan` for a command that looks at them beside the job; what it writes is written as `writer`.
pub(super) fn connect(
    settings: &Settings,
    plan: &Plan,
    writer: &str,
) -> Result<(Arc<dyn Transport>, Topics), Failure> {
    let (topics, group) = (topics(plan, settings.topics.partitions), group(settings, plan));
    let limit = max_record(settings);
    if settings.kafka.bootstrap_servers.is_empty() {
        let log = Log::open(store(settings)?, topics.clone())?;
        return Ok((Arc::new(Embedded::new(log, group, limit)), topics));
    }
    let writer = format!("{group}-{writer}");
    let kafka = Kafka::connect(settings.kafka.clone(), &group, topics, writer, limit)?;
    let topics = kafka.topics().clone();
    Ok((Arc::new(kafka), topics))
}

fn ground(plan: &Plan) -> (SharedClock, Arc<Meters>) {
    let clock: SharedClock = Arc::new(SystemClock);
    let nodes = plan.collects.iter().map(|node| node.name.clone());
    let meters = Arc::new(Meters::new(&plan.name, nodes, clock.clone()));
    (clock, meters)
}

/// The largest record that is written, in bytes.
fn max_record(settings: &Settings) -> usize {
    settings.topics.max_record.bytes()
}

fn store(settings: &Settings) -> Result<Store, Failure> {
    let options = StoreOptions {
        block_cache: settings.state.block_cache,
        write_buffer: settings.state.write_buffer,
        answers: settings.cache.disk,
    };
    Ok(Store::open(&settings.state.dir.join("db"), options)?)
}

/// The group of a flow.
pub(super) fn group(settings: &Settings, plan: &Plan) -> String {
    match settings.kafka.group_id.as_str() {
        "" => format!("domainflow-{}", plan.name),
        group => group.to_owned(),
    }
}
