//! The services of one port, by hostname (DP-1).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::super::Context;
use super::super::destination::ServiceLookup;
use super::egress::{EgressView, lower_case};
use super::note;
use crate::envoy::table::{Note, NoteKind};
use crate::istio::mesh::{Registry, Service};
use crate::istio::translate::parts::address;
use crate::order::Order as _;

/// Services that can be in the table of port P, each with that port alone; for P = 0 all services with all their ports.
pub(super) struct ServiceTable {
    /// 0 for HTTP proxies.
    pub(super) port: u16,
    /// Sorted by hostname, which is lower-case unless P = 0.
    pub(super) services: Vec<Arc<Service>>,
    by_host: FxHashMap<SmolStr, usize>,
}

impl ServiceTable {
    pub(super) fn new(cx: &Context<'_>, egress: &EgressView<'_>, port: u16, table_name: &str) -> ServiceTable {
        let all: Vec<usize>;
        let positions = if port == 0 {
            all = (0..egress.listener.services.len()).collect();
            &all
        } else {
            egress.with_port(port)
        };
        let in_list_order = positions.iter().filter_map(|i| egress.listener.services.get(*i));
        let mut services: Vec<Arc<Service>> =
            in_list_order.map(|s| if port == 0 { s.clone() } else { reduced(cx, s, port) }).collect();
        services.order_by(|a, b| a.hostname.cmp(&b.hostname)); // stable: of equal hostnames the last one is the last
        services.dedup_by(|later, kept| {
            let same = later.hostname == kept.hostname;
            if same {
                note_replaced(cx, kept, later, table_name);
                std::mem::swap(later, kept);
            }
            same
        });
        let by_host = services.iter().enumerate().map(|(i, s)| (s.hostname.clone(), i)).collect();
        ServiceTable { port, services, by_host }
    }

    /// Position in `services` of the one with this hostname.
    pub(super) fn position(&self, hostname: &str) -> Option<usize> {
        self.by_host.get(hostname).copied()
    }
}

impl ServiceLookup for ServiceTable {
    /// DP-2: sidecars find only services that expose the listener's port, in whatever namespace.
    fn service(&self, host: &str, _namespace: &str) -> Option<Arc<Service>> {
        self.position(host).and_then(|i| self.services.get(i)).cloned()
    }
}

/// DP-1: the service with one port and its hostname in lower case. Shared where it is so already.
fn reduced(cx: &Context<'_>, service: &Arc<Service>, port: u16) -> Arc<Service> {
    let hostname = lower_case(&service.hostname);
    if service.ports.len() == 1 && hostname == service.hostname {
        return service.clone();
    }
    let make = |_: &_| {
        let ports = service.port(port).cloned().into_iter().collect();
        (service.clone(), Arc::new(Service { hostname, ports, ..Service::clone(service) }))
    };
    cx.parts.reduced.get_or((address(&**service), port), make).1
}

/// DP-1: the last service with a hostname counts; SE-2 where it is one ServiceEntry with several addresses.
fn note_replaced(cx: &Context<'_>, earlier: &Service, later: &Service, table_name: &str) {
    let one_entry = earlier.object == later.object && earlier.registry == Registry::ServiceEntry;
    let (kind, rule, message) = if one_entry {
        let message =
            format!("`{}` has several addresses; only the last one is a domain of its virtual host", later.hostname);
        (NoteKind::Remark, "SE-2", message)
    } else {
        let message = format!("`{}` comes from {} too, which counts here", later.hostname, later.object);
        (NoteKind::Dropped, "DP-1", message)
    };
    let object = Some(earlier.object.clone());
    cx.note(Note { object, at: earlier.at, ..note(kind, rule, table_name, message) });
}
