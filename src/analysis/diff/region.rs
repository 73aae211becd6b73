//! The requests that a change is about, in words and as data.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::hosts::Hosts;
use super::side::Dial;
use crate::envoy::table::{RouteMatch, VirtualHost};
use crate::envoy::words;
use crate::order::Ordered as _;

/// A set of requests: those that fulfil all that is said here, and that no earlier rule of either side takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Region {
    /// Dialled ports, in order; empty: all that neither side knows.
    pub ports: Vec<u16>,
    pub tls: bool,
    /// Names that are asked for in TLS, where that decides; empty: any.
    pub server_names: Vec<SmolStr>,
    /// Dialled addresses or names, where they decide; empty: any.
    pub destinations: Vec<String>,
    /// Domains, in lower case, that take the authority; empty: any authority. The first one shows it best.
    pub hosts: Vec<SmolStr>,
    /// Plain conditions, all of which must hold: `path starts with /api`.
    pub conditions: Vec<String>,
    /// What earlier rules take away, in the same words, the first few.
    pub except: Vec<String>,
    /// How many rules take something away.
    pub taken_before: usize,
    /// Earlier rules take everything that has a path: what is left are CONNECT requests.
    pub connect: bool,
}

/// Earlier rules that are named.
const EXCEPT_MAX: usize = 3;

impl Region {
    /// What can be said of connections.
    pub(super) fn of_dials(dials: &[Dial]) -> Region {
        let known = dials.iter().all(|d| !d.any_port);
        let ports: BTreeSet<u16> = dials.iter().filter(|d| !d.any_port).map(|d| d.port).into_set();
        let tls = dials.iter().any(|d| d.tls);
        let mut destinations: Vec<String> = Vec::new();
        let any_address = dials.iter().any(|d| d.name.is_none() && d.address.is_none());
        for dial in dials.iter().filter(|_| !any_address) {
            let text = match (&dial.name, dial.address) {
                (Some(name), _) => name.to_string(),
                (None, Some(address)) => address.to_string(),
                (None, None) => continue,
            };
            if !destinations.contains(&text) {
                destinations.push(text);
            }
        }
        // One that nobody knows stands for all names.
        let any_name = dials.iter().any(|d| d.sni.is_none());
        let names: BTreeSet<&SmolStr> = dials.iter().filter(|_| !any_name).filter_map(|d| d.sni.as_ref()).into_set();
        Region {
            ports: if known { ports.into_iter().collect() } else { Vec::new() },
            tls,
            server_names: names.into_iter().cloned().collect(),
            destinations,
            conditions: if dials.iter().all(|d| !d.http) { vec!["not HTTP".to_owned()] } else { Vec::new() },
            ..Region::default()
        }
    }

    /// The same for the authorities of these classes.
    pub(super) fn with_hosts(mut self, host: Option<&VirtualHost>, classes: &[Hosts]) -> Region {
        let mut domains: Vec<SmolStr> = classes.iter().map(|c| c.domain.clone()).collect();
        // The service's own name says more than the short forms and addresses that lead to the same.
        let name = host.map(|h| h.name.rsplit_once(':').map_or(h.name.as_str(), |(host, _)| host));
        if let Some(at) = name.and_then(|name| domains.iter().position(|d| d == name)) {
            let own = domains.remove(at);
            domains.insert(0, own);
        }
        self.hosts = domains;
        self
    }

    /// The same for what two routes both take and these earlier ones don't.
    pub(super) fn with_conditions(
        mut self,
        both: [Option<&RouteMatch>; 2],
        before: &mut dyn Iterator<Item = &RouteMatch>,
    ) -> Region {
        for matcher in both.into_iter().flatten() {
            for condition in plain(matcher) {
                if !self.conditions.contains(&condition) {
                    self.conditions.push(condition);
                }
            }
        }
        weaker_prefixes(&mut self.conditions);
        for matcher in before {
            let words = plain(matcher);
            if words.is_empty() {
                self.connect = true;
                self.except.clear();
                self.taken_before = 0;
                self.conditions.push("method = CONNECT, which no rule takes".to_owned());
                break;
            }
            let text = words.join(" and ");
            if !self.except.contains(&text) {
                self.taken_before += 1;
                if self.except.len() < EXCEPT_MAX {
                    self.except.push(text);
                }
            }
        }
        self
    }

    /// The region in one line, without its hosts.
    pub(crate) fn to_words(&self) -> String {
        let mut out: Vec<String> = Vec::new();
        match self.ports.as_slice() {
            [] => out.push("any other port".to_owned()),
            [80] if !self.tls => {}
            [443] if self.tls => {}
            [one] => out.push(format!("port {one}")),
            several => {
                let shown: Vec<String> = several.iter().take(4).map(u16::to_string).collect();
                let more = if several.len() > 4 { ", ..." } else { "" };
                out.push(format!("ports {}{more}", shown.join(", ")));
            }
        }
        if self.tls {
            out.push("over TLS".to_owned());
        }
        for (what, all) in [
            ("asking for", self.server_names.iter().map(SmolStr::to_string).collect::<Vec<_>>()),
            ("dialling", self.destinations.clone()),
        ] {
            if let Some(first) = all.first() {
                let more = if all.len() > 1 { format!(" and {} more", all.len() - 1) } else { String::new() };
                out.push(format!("{what} {first}{more}"));
            }
        }
        out.extend(self.conditions.iter().cloned());
        let mut text = if out.is_empty() { "every request".to_owned() } else { out.join(", ") };
        if !self.except.is_empty() {
            let more = self.taken_before - self.except.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text.push_str(&format!("; except what earlier rules take: {}{more}", self.except.join("; ")));
        }
        text
    }
}

/// The conditions of a route as people say them; none where it takes everything.
fn plain(m: &RouteMatch) -> Vec<String> {
    let all = words::conditions(m).into_iter().filter(|c| c != "any path");
    all.map(|c| c.strip_prefix("prefix ").map(|rest| format!("path starts with {rest}")).unwrap_or(c)).collect()
}

/// Of two prefixes, where one says more, that one is enough.
fn weaker_prefixes(conditions: &mut Vec<String>) {
    let prefix = |c: &String| c.strip_prefix("path starts with ").or(c.strip_prefix("path = ")).map(str::to_owned);
    let all = conditions.clone();
    conditions.retain(|c| {
        let Some(own) = c.strip_prefix("path starts with ") else { return true };
        !all.iter().any(|other| other != c && prefix(other).is_some_and(|longer| longer.starts_with(own)))
    });
}
