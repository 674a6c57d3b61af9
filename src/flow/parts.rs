//! What is available by name: the collectors, and how each becomes a node of a flow.

use std::sync::Arc;
use std::time::Duration;

use super::dead_letter::DeadLetters;
use super::follow_up::{Excludes, LeadsTo};
use super::node::{FollowUps, Node, To, Work};
use crate::clock::SharedClock;
use crate::codec::{Format, RegistryError, Schemas, TopicCodec, Wire};
use crate::collect::Collector;
use crate::collect::catalogue::{FollowUp, SubjectKind};
use crate::collect::dns::DnsCollector;
use crate::collect::geo_asn::GeoAsnCollector;
use crate::collect::nerd::NerdCollector;
use crate::collect::net::Limiter;
use crate::collect::once::Once;
use crate::collect::opt_out::OptOut;
use crate::collect::qradar::QradarCollector;
use crate::collect::rdap_dn::RdapDnCollector;
use crate::collect::rdap_ip::RdapIpCollector;
use crate::collect::rtt::RttCollector;
use crate::collect::tls::TlsCollector;
use crate::collect::zone::ZoneCollector;
use crate::io::{Topic, Topics};
use crate::spec::{CollectNode, Plan};
use crate::telemetry::Meters;

/// The collectors of a process, built once and shared by the flow and by one-shot commands.
#[derive(Clone)]
pub struct Collectors {
    /// `zone`.
    pub zone: Arc<OptOut<ZoneCollector>>,
    /// `dns`.
    pub dns: Arc<OptOut<DnsCollector>>,
    /// `tls`.
    pub tls: Arc<OptOut<TlsCollector>>,
    /// `rdap-dn`.
    pub rdap_dn: Arc<OptOut<Once<RdapDnCollector>>>,
    /// `rdap-ip`.
    pub rdap_ip: Arc<OptOut<Once<RdapIpCollector>>>,
    /// `nerd`.
    pub nerd: Arc<OptOut<Once<NerdCollector>>>,
    /// `qradar`.
    pub qradar: Arc<OptOut<Once<QradarCollector>>>,
    /// `geo-asn`.
    pub geo_asn: Arc<OptOut<GeoAsnCollector>>,
    /// `rtt`.
    pub rtt: Arc<OptOut<Once<RttCollector>>>,
    /// Lets their requests pass; the partitions of the process decide on its share.
    pub limiter: Arc<Limiter>,
}

/// What nodes are made of besides their collector.
pub struct Parts<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The topics.
    pub topics: &'a Topics,
    /// The schemas.
    pub schemas: &'a Schemas,
    /// Longest time of a call.
    pub limit: Duration,
    /// Where unreadable records go.
    pub dead_letters: DeadLetters,
    /// Counts.
    pub meters: Arc<Meters>,
    /// The time.
    pub clock: SharedClock,
}

impl Parts<'_> {
    /// The work of a node of the plan.
    pub async fn work(
        &self,
        collectors: &Collectors,
        node: &CollectNode,
    ) -> Result<Arc<dyn Work>, RegistryError> {
        // One line for each collector of the catalogue; a test says which is missing.
        match node.collector.name {
            "zone" => self.node(collectors.zone.clone(), node).await,
            "dns" => self.node(collectors.dns.clone(), node).await,
            "tls" => self.node(collectors.tls.clone(), node).await,
            "rdap-dn" => self.node(collectors.rdap_dn.clone(), node).await,
            "rdap-ip" => self.node(collectors.rdap_ip.clone(), node).await,
            "nerd" => self.node(collectors.nerd.clone(), node).await,
            "qradar" => self.node(collectors.qradar.clone(), node).await,
            "geo-asn" => self.node(collectors.geo_asn.clone(), node).await,
            "rtt" => self.node(collectors.rtt.clone(), node).await,
            other => unreachable!("the plan names a collector {other} that the catalogue does not have"),
        }
    }

    async fn node<C>(&self, collector: Arc<C>, node: &CollectNode) -> Result<Arc<dyn Work>, RegistryError>
    where
        C: Collector,
        C::Request: Wire + Excludes,
        C::Record: Wire + LeadsTo<C::Request>,
    {
        let follow_up = |wanted: FollowUp| {
            node.follow_ups.iter().find(|(kind, _)| *kind == wanted).map(|(_, topic)| topic.as_str())
        };
        let follow_ups = FollowUps {
            dns: self.to(follow_up(FollowUp::Dns)).await?,
            rdap_dn: self.to(follow_up(FollowUp::RdapDn)).await?,
            tls: self.to(follow_up(FollowUp::Tls)).await?,
            ip: self.to(follow_up(FollowUp::Ip)).await?,
        };
        Ok(Arc::new(Node {
            subject: node.collector.subject,
            requests: TopicCodec::new(self.format(&node.from), &node.from, self.schemas).await?,
            results: To {
                topic: self.topic(&node.to),
                codec: TopicCodec::new(self.format(&node.to), &node.to, self.schemas).await?,
            },
            follow_ups,
            starts_runs: self.plan.entry() == Some(node.from.as_str())
                && node.collector.subject == SubjectKind::Name,
            topics: self.topics.clone(),
            limit: self.limit,
            // One letter for a record, however many nodes read it.
            dead_letters: self
                .plan
                .collects
                .iter()
                .find(|other| other.from == node.from)
                .filter(|first| first.name == node.name)
                .map(|_| self.dead_letters.clone()),
            // The meters were made for the nodes of this plan.
            meter: self.meters.node(&node.name).cloned().expect("every node has a meter"),
            clock: self.clock.clone(),
            collector,
        }))
    }

    async fn to<T: Wire>(&self, topic: Option<&str>) -> Result<Option<To<T>>, RegistryError> {
        let Some(topic) = topic else { return Ok(None) };
        let codec = TopicCodec::new(self.format(topic), topic, self.schemas).await?;
        Ok(Some(To { topic: self.topic(topic), codec }))
    }

    fn topic(&self, name: &str) -> Topic {
        self.topics.find(name).expect("the table holds every topic of the plan")
    }

    fn format(&self, name: &str) -> Format {
        self.plan.topic(name).map_or(Format::default(), |topic| topic.format)
    }
}
