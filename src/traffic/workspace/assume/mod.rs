//! What is not given is assumed, and said (`--assume`): Services, workloads, Gateways, each by itself.
//!
//! People have a VirtualService and a DestinationRule at hand, not the whole cluster. Nothing that is given is changed, and
//! what was refused is not put back by an assumption.

mod gateways;
mod pods;
mod services;

use smol_str::SmolStr;

use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::{Manifests, VirtualService};

/// Names that are listed one by one in the line about assumptions.
const LISTED_MAX: usize = 5;

/// What may be assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Assume {
    /// Services, where not one is given.
    pub services: bool,
    /// A ready pod for every service and subset, where no workload is given.
    pub pods: bool,
    /// Gateways that a VirtualService names.
    pub gateways: bool,
    /// Names of documents that have none.
    pub names: bool,
}

impl Assume {
    /// What people get who say nothing.
    pub(crate) const AUTO: Assume = Assume { services: true, pods: true, gateways: true, names: true };
    /// The mesh is what is given, nothing else.
    pub(crate) const NEVER: Assume = Assume { services: false, pods: false, gateways: false, names: false };
}

/// What was assumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Assumed {
    /// Hosts that got a Service, sorted.
    pub services: Vec<SmolStr>,
    pub pods: AssumedPods,
    /// Gateways, `NAMESPACE/NAME`, sorted.
    pub gateways: Vec<SmolStr>,
    /// How many documents got a name.
    pub names: usize,
}

/// Where workloads were assumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AssumedPods {
    #[default]
    Nowhere,
    /// Not one workload is given.
    Everywhere,
    /// In these namespaces, sorted; others have workloads.
    Namespaces(Vec<SmolStr>),
}

/// What rules of a VirtualService are for. Of several that are for one port, the first one settles what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Http,
    Tls,
    Tcp,
}

/// A match as far as it says where a rule is served.
struct Site<'m> {
    layer: Layer,
    /// As written; empty: those of the VirtualService.
    gateways: &'m [SmolStr],
    /// 0: any.
    port: u32,
}

/// Those of all matches of a VirtualService; a rule without any is for all.
fn sites(vs: &VirtualService) -> impl Iterator<Item = Site<'_>> {
    fn of_rule<M>(layer: Layer, matches: &[M], part: fn(&M) -> (&[SmolStr], u32)) -> impl Iterator<Item = Site<'_>> {
        let site = move |(gateways, port)| Site { layer, gateways, port };
        let all = matches.is_empty().then_some((&[][..], 0));
        matches.iter().map(part).chain(all).map(site)
    }
    let http = vs.http.iter().flat_map(|r| of_rule(Layer::Http, &r.matches, |m| (&m.gateways, m.port)));
    let tls = vs.tls.iter().flat_map(|r| of_rule(Layer::Tls, &r.matches, |m| (&m.gateways, m.port)));
    let tcp = vs.tcp.iter().flat_map(|r| of_rule(Layer::Tcp, &r.matches, |m| (&m.gateways, m.port)));
    http.chain(tls).chain(tcp)
}

/// Services and Gateways, before anything asks who is in the mesh.
pub(super) fn objects(manifests: &mut Manifests, findings: &[Finding], assume: Assume) -> Assumed {
    Assumed {
        services: if assume.services { services::assume(manifests) } else { Vec::new() },
        gateways: if assume.gateways { gateways::assume(manifests, findings) } else { Vec::new() },
        ..Assumed::default()
    }
}

pub(super) use gateways::stands_for;
pub(super) use pods::assume as pods;
pub(super) use services::assume as services;

impl Assumed {
    /// Each assumption in a few words; empty where nothing was assumed.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.services.is_empty() {
            let hosts = listed(self.services.iter().map(|h| h.strip_suffix(".svc.cluster.local").unwrap_or(h)));
            out.push(format!("no Service is given: one for {hosts}"));
        }
        match &self.pods {
            AssumedPods::Nowhere => {}
            AssumedPods::Everywhere => {
                out.push("no workload is given: a ready one for every service and every defined subset".to_owned());
            }
            AssumedPods::Namespaces(namespaces) => {
                let names = listed(namespaces.iter().map(SmolStr::as_str));
                let noun = if namespaces.len() == 1 { "namespace" } else { "namespaces" };
                out.push(format!("no workload of {noun} {names} is given: a ready one for every service there"));
            }
        }
        if !self.gateways.is_empty() {
            let names = listed(self.gateways.iter().map(SmolStr::as_str));
            let are = if self.gateways.len() == 1 { "Gateway" } else { "Gateways" };
            let (is, it) = if self.gateways.len() == 1 { ("is", "it") } else { ("are", "them") };
            out.push(format!(
                "{are} {names} {is} not given: the hosts of the VirtualServices that name {it}, on the ports of their rules or 80"
            ));
        }
        match self.names {
            0 => {}
            1 => out.push("a document has no name: one".to_owned()),
            n => out.push(format!("{n} documents have no name: one for each")),
        }
        out
    }

    #[cfg(feature = "cli")]
    /// All assumptions on one line, None where there are none.
    pub(crate) fn line(&self) -> Option<String> {
        let told = self.told();
        (!told.is_empty()).then(|| format!("assumed: {} (--assume never turns this off)", told.join("; ")))
    }
}

fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let shown: Vec<&str> = names.take(LISTED_MAX).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
