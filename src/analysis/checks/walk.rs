//! All destinations of a VirtualService with their field paths.

use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Destination, VirtualService};

/// Which list of rules a destination stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Http,
    Tls,
    Tcp,
}

/// What a destination is to its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `route[index]`.
    Route(usize),
    Mirror,
    /// `mirrors[index]`.
    Mirrors(usize),
}

/// One destination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub destination: &'a Destination,
    pub part: Part,
    pub rule: usize,
    pub role: Role,
    /// False where its weight keeps every request away: 0 beside others.
    pub gets_traffic: bool,
}

impl Target<'_> {
    pub(super) fn is_mirror(&self) -> bool {
        !matches!(self.role, Role::Route(_))
    }

    /// How bad it is if nothing gets there: a mirror that fails harms no request.
    pub(super) fn severity(&self) -> Severity {
        if self.is_mirror() { Severity::Warning } else { Severity::Error }
    }

    /// What becomes of what goes to it where it has no cluster.
    pub(super) fn without_cluster(&self) -> &'static str {
        match (self.is_mirror(), self.part) {
            (true, _) => "copies vanish",
            (false, Part::Http) => "503 NC",
            (false, Part::Tls | Part::Tcp) => "connections are closed",
        }
    }

    /// The field path of the destination, with `field` behind it where that is not empty.
    pub(super) fn path(&self, field: &str) -> String {
        let part = match self.part {
            Part::Http => "http",
            Part::Tls => "tls",
            Part::Tcp => "tcp",
        };
        let dot = if field.is_empty() { "" } else { "." };
        match self.role {
            Role::Route(i) => format!("spec.{part}[{}].route[{i}].destination{dot}{field}", self.rule),
            Role::Mirror => format!("spec.{part}[{}].mirror{dot}{field}", self.rule),
            Role::Mirrors(i) => format!("spec.{part}[{}].mirrors[{i}].destination{dot}{field}", self.rule),
        }
    }
}

/// Every destination and mirror, rule by rule.
pub(super) fn targets(vs: &VirtualService) -> Vec<Target<'_>> {
    let mut all = Vec::new();
    for (rule, route) in vs.http.iter().enumerate() {
        let alone = route.route.len() == 1;
        for (i, r) in route.route.iter().enumerate() {
            let gets_traffic = alone || r.weight > 0;
            let target =
                |destination| Target { destination, part: Part::Http, rule, role: Role::Route(i), gets_traffic };
            all.extend(r.destination.as_ref().map(target));
        }
        let mirror = |role| move |destination| Target { destination, part: Part::Http, rule, role, gets_traffic: true };
        all.extend(route.mirror.as_deref().map(mirror(Role::Mirror)));
        for (i, m) in route.mirrors.iter().enumerate() {
            all.extend(m.destination.as_ref().map(mirror(Role::Mirrors(i))));
        }
    }
    let tls = vs.tls.iter().map(|r| (Part::Tls, &r.route)).enumerate();
    let tcp = vs.tcp.iter().map(|r| (Part::Tcp, &r.route)).enumerate();
    for (rule, (part, routes)) in tls.chain(tcp) {
        let alone = routes.len() == 1;
        for (i, r) in routes.iter().enumerate() {
            let gets_traffic = alone || r.weight > 0;
            let target = |destination| Target { destination, part, rule, role: Role::Route(i), gets_traffic };
            all.extend(r.destination.as_ref().map(target));
        }
    }
    all
}
