//! Which requests a sentence about all of them is meant for: those to a host, with some conditions and without others.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use super::connections::{self, Takers, fresh};
use super::hosts::{self, Hosts};
use super::regions;
use super::shared::Shared;
use super::side::{Dial, Side, Taker};
use super::spot::Spot;
use super::table::regexes;
use crate::analysis::symbolic::{
    self, Answer, Budget, Client, Conditions, Example, Field, Language, Languages, Region,
};
use crate::envoy::authority::without_port;
use crate::envoy::path::PathOptions;
use crate::envoy::re2::Encoding;
use crate::envoy::request::Request;
use crate::envoy::router::{RequestView, dialled_port, fulfils};
use crate::envoy::table::{RouteMatch, VirtualHost};

/// Requests that get to HTTP routing, or to what takes their place: not CONNECT, not what the proxy refuses to read, and nothing
/// over a connection that is closed because TLS is missing or not expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// In lower case and without port; may begin with `*`. None: any authority.
    ///
    /// Those requests are meant that come over connections on which the host is served, unless a port is given.
    pub host: Option<SmolStr>,
    /// The dialled port; None: any.
    pub port: Option<u16>,
    /// What all of them fulfil, as a route's conditions.
    pub matcher: RouteMatch,
    /// Those that fulfil any of these are none of it.
    pub without: Vec<RouteMatch>,
}

/// Why a host cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// The proxy serves none of that name; names of hosts that it serves.
    Unknown(BTreeSet<SmolStr>),
    /// The first two of the hosts that it may be.
    Several(SmolStr, SmolStr),
}

/// The host's name as its virtual host says it.
fn own_name(host: &VirtualHost) -> SmolStr {
    host.name.rsplit_once(':').map_or(host.name.as_str(), |(name, _)| name).to_ascii_lowercase().into()
}

/// Whether it is nobody's: what is left for hosts that aren't known.
fn is_rest(host: &VirtualHost) -> bool {
    host.domains.iter().all(|d| d == "*") && !host.require_tls && host.routes.iter().all(|r| r.source.is_none())
}

fn bare(domain: &str) -> SmolStr {
    without_port(domain).to_ascii_lowercase().into()
}

fn has_domain(host: &VirtualHost, name: &str) -> bool {
    host.domains.iter().any(|d| bare(d) == name)
}

impl Scope {
    /// The same with the full name of the host: itself, completed as Kubernetes' DNS does it in the proxy's namespace, or the one host
    /// whose name goes on behind it.
    ///
    /// # Errors
    /// The proxy serves no such host, or several.
    pub(crate) fn at(&self, side: &Side) -> Result<Scope, Unserved> {
        let Some(text) = &self.host else { return Ok(self.clone()) };
        let wanted = bare(text.strip_suffix('.').unwrap_or(text));
        let all = || side.table().route_configs.iter().flat_map(|c| &c.virtual_hosts).filter(|h| !is_rest(h));
        let named = |fits: &dyn Fn(&str) -> bool| {
            let mut found: BTreeSet<SmolStr> = BTreeSet::new();
            for host in all() {
                if let Some(domain) = host.domains.iter().map(|d| bare(d)).find(|d| fits(d)) {
                    let own = own_name(host);
                    found.insert(if has_domain(host, &own) { own } else { domain });
                }
            }
            found
        };
        let host = if wanted.starts_with('*') {
            wanted
        } else {
            let (here, below) =
                (format_smolstr!("{wanted}.{}.", side.table().proxy.namespace), format_smolstr!("{wanted}."));
            let mut found = named(&|d| d == wanted);
            if found.is_empty() {
                found = named(&|d| d.starts_with(here.as_str()));
            }
            let is_served = || {
                let scope = Scope { host: Some(wanted.clone()), ..self.clone() };
                (0u32..).zip(&side.table().route_configs).any(|(c, _)| scope.is_served(side, c))
            };
            if found.is_empty() && is_served() {
                found.insert(wanted.clone());
            }
            if found.is_empty() {
                found = named(&|d| d.starts_with(below.as_str()));
            }
            let mut found = found.into_iter();
            match (found.next(), found.next()) {
                (Some(one), None) => one,
                (Some(one), Some(two)) => return Err(Unserved::Several(one, two)),
                (None, _) => return Err(Unserved::Unknown(all().map(|h| own_name(h)).collect())),
            }
        };
        let scope = Scope { host: Some(host), ..self.clone() };
        let is_served = (0u32..).zip(&side.table().route_configs).any(|(c, _)| scope.is_served(side, c));
        if is_served { Ok(scope) } else { Err(Unserved::Unknown(all().map(|h| own_name(h)).collect())) }
    }

    /// Whether no request at all fulfils the conditions.
    pub(crate) fn is_empty(&self) -> bool {
        let languages = self.languages(Encoding::default());
        let conditions = self.conditions(&languages, &PathOptions::default());
        let without = self.without(&languages);
        let without: Vec<&Conditions> = without.iter().collect();
        symbolic::difference(&Region::all_of([&conditions]), &without, &mut Budget::default()) == Answer::None
    }

    /// Languages of its regexes.
    pub(super) fn languages(&self, encoding: Encoding) -> Languages {
        let mut languages = Languages::reading(encoding);
        languages.learn(std::iter::once(&self.matcher).chain(&self.without).flat_map(regexes));
        languages
    }

    /// What all its requests fulfil.
    pub(super) fn conditions(&self, languages: &Languages, paths: &PathOptions) -> Conditions {
        let own = regions::conditions(&self.matcher, languages, paths);
        // `OPTIONS *` asks nothing of any route.
        own.and(Conditions::of(Field::Path, Language::Prefix(SmolStr::new_static("/"))))
    }

    /// What none of its requests fulfils.
    pub(super) fn without(&self, languages: &Languages) -> Vec<Conditions> {
        self.without.iter().map(|m| Conditions::new(m, &Client::default(), languages)).collect()
    }

    /// An authority that the host stands for.
    fn example(&self, side: &Side, config: Option<u32>) -> SmolStr {
        let host = self.host.clone().unwrap_or_default();
        let Some(suffix) = host.strip_prefix('*') else { return host };
        let domains = config.and_then(|c| side.config(c)).into_iter().flat_map(|c| &c.virtual_hosts);
        let domains: FxHashSet<SmolStr> = domains.flat_map(|h| &h.domains).map(|d| bare(d)).collect();
        fresh(if suffix.is_empty() { ".example" } else { suffix }, |name| domains.contains(name))
    }

    /// Whether a route configuration has a virtual host for it that somebody made for a host.
    fn is_served(&self, side: &Side, config: u32) -> bool {
        let Some(host) = &self.host else { return true };
        let of = |authority: &str| side.virtual_host(config, side.virtual_host_of(config, authority)?);
        if of(&self.example(side, Some(config))).is_some_and(|h| !is_rest(h)) {
            return true;
        }
        let Some(suffix) = host.strip_prefix('*') else { return false };
        let below = |d: &SmolStr| d.to_ascii_lowercase().ends_with(suffix) && d != "*";
        side.config(config).is_some_and(|c| c.virtual_hosts.iter().flat_map(|h| &h.domains).any(below))
    }

    /// Whether an authority is meant; the other names of the virtual host that is its own are.
    fn has_authority(&self, side: &Side, config: Option<u32>, authority: &str) -> bool {
        let Some(host) = &self.host else { return true };
        let authority = bare(authority);
        if let Some(suffix) = host.strip_prefix('*') {
            return authority.len() > suffix.len() && authority.ends_with(suffix);
        }
        let of = |name: &str| {
            let config = config?;
            side.virtual_host(config, side.virtual_host_of(config, name)?)
        };
        authority == *host
            || of(host)
                .zip(of(&authority))
                .is_some_and(|(a, b)| std::sync::Arc::ptr_eq(a, b) && has_domain(a, host) && has_domain(a, &authority))
    }

    fn takes(&self, side: &Side, taker: Taker) -> bool {
        match taker {
            Taker::Closed | Taker::PlainToTls | Taker::TlsToPlain => false,
            Taker::Http { config } if self.port.is_none() && self.host.is_some() => {
                config.is_some_and(|c| self.is_served(side, c))
            }
            Taker::Http { .. } => true,
            Taker::Nothing | Taker::Outbound | Taker::Tcp { .. } => self.host.is_none() || self.port.is_some(),
        }
    }

    /// The classes of connections that its requests come over.
    pub(super) fn connections(&self, [old, new]: [&Side; 2]) -> IndexMap<Takers, Vec<Dial>> {
        let all = connections::classes(old, new, &Shared::default());
        let is_known = all.values().flatten().any(|d| !d.any_port && Some(d.port) == self.port);
        let mut out = IndexMap::new();
        for (takers, mut dials) in all {
            if !self.takes(old, takers.0) && !self.takes(new, takers.1) {
                continue;
            }
            if let Some(port) = self.port {
                dials.retain(|d| if is_known { !d.any_port && d.port == port } else { d.any_port });
                dials.iter_mut().for_each(|d| (d.port, d.any_port) = (port, false));
            }
            if !dials.is_empty() {
                out.insert(takers, dials);
            }
        }
        out
    }

    /// The classes of its authorities, for the route configurations of both sides.
    pub(super) fn hosts(&self, [old, new]: [(&Side, Option<u32>); 2]) -> IndexMap<hosts::Pair, Vec<Hosts>> {
        let all = hosts::classes(old, new);
        let Some(host) = &self.host else { return all };
        let mut out: IndexMap<hosts::Pair, Vec<Hosts>> = IndexMap::new();
        // The host as it was written shows best.
        let example = self.example(new.0, new.1);
        let [a, b] = [old, new].map(|(side, config)| side.virtual_host_of(config?, &example));
        out.entry((a, b)).or_default().push(Hosts { example, domain: host.clone() });
        for (pair, classes) in all {
            let meant = |h: &Hosts| {
                let is_meant = |(side, config): (&Side, Option<u32>)| self.has_authority(side, config, &h.example);
                h.domain != *host && is_meant(old) && is_meant(new)
            };
            let classes: Vec<Hosts> = classes.into_iter().filter(meant).collect();
            if !classes.is_empty() {
                out.entry(pair).or_default().extend(classes);
            }
        }
        out
    }

    /// Whether it has a request, as the router sees that.
    pub(crate) fn has_request(&self, side: &Side, request: &Request) -> bool {
        let view = RequestView::from(request);
        let visit = side.router().visit(&view);
        let spot = Spot::of(side, visit.found);
        let config = if let Taker::Http { config } = spot.taker { config } else { None };
        if spot.refused
            || request.method == "CONNECT"
            || !self.takes(side, spot.taker)
            || self.port.is_some_and(|port| port != dialled_port(&view))
            || !self.has_authority(side, config, &request.authority)
        {
            return false;
        }
        match &visit.seen {
            Some(seen) => {
                let holds = |m: &RouteMatch| fulfils(m, seen, side.switches());
                seen.bare_path().starts_with('/') && holds(&self.matcher) && !self.without.iter().any(holds)
            }
            // Nobody reads it as HTTP: it is what the client wrote.
            None => {
                let languages = self.languages(Encoding::default());
                let example = written(request);
                let conditions = self.conditions(&languages, &side.path_options());
                conditions.accept(&example) && !self.without(&languages).iter().any(|c| c.accept(&example))
            }
        }
    }
}

/// A request as its client wrote it.
fn written(request: &Request) -> Example {
    let mut out = Example::new();
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    out.insert(Field::Path, vec![path.as_bytes().to_vec()]);
    out.insert(Field::Method, vec![request.method.as_bytes().to_vec()]);
    for (name, value) in &request.headers {
        let field = Field::Header(name.to_ascii_lowercase().into());
        out.entry(field).or_default().push(value.as_bytes().to_vec());
    }
    for parameter in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        out.entry(Field::Query(name.to_smolstr())).or_insert_with(|| vec![value.as_bytes().to_vec()]);
    }
    out
}
