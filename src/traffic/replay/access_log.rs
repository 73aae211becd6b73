//! Simulated requests one by one, as Envoy's JSON access log would show them (envoy-matching 12).

use std::io::{self, Write};

use serde::Serialize;

use super::endpoints::Pick;
use super::run::Draws;
use super::times::Arrivals;
use super::{Leaf, Prepared, Simulation, View};
use crate::envoy::authority::Authority;
use crate::envoy::balance::RoundRobin;
use crate::envoy::balance::hash::{xx_hash, xx_hash_seeded};
use crate::envoy::decision::{Decision, Outcome, ResponseFlags};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView};
use crate::envoy::table::ClusterName;

/// The fields of Istio's JSON log, in Envoy's order.
#[derive(Debug, Serialize)]
struct Line<'a> {
    authority: &'a str,
    bytes_received: u64,
    bytes_sent: u64,
    connection_termination_details: Option<&'a str>,
    downstream_local_address: Option<String>,
    downstream_remote_address: Option<String>,
    duration: u64,
    method: &'a str,
    path: &'a str,
    protocol: &'a str,
    request_id: String,
    requested_server_name: Option<String>,
    response_code: u16,
    response_code_details: &'a str,
    response_flags: ResponseFlags,
    route_name: Option<&'a str>,
    start_time: String,
    upstream_cluster: Option<String>,
    upstream_host: Option<&'a str>,
    upstream_local_address: Option<&'a str>,
    upstream_service_time: Option<&'a str>,
    upstream_transport_failure_reason: Option<&'a str>,
    user_agent: Option<&'a str>,
    x_forwarded_for: Option<&'a str>,
}

impl Simulation {
    /// Writes a line for each request of each stream, stream by stream. They are the requests that [`Simulation::run`]
    /// counts; those of streams without a rate come a millisecond apart, from the beginning of 1970 on.
    ///
    /// Ends before its end once `stop` says so.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn access_log(&self, seed: u64, stop: impl Fn() -> bool, out: &mut impl Write) -> io::Result<()> {
        for stream in &self.streams {
            if let Some(view) = self.views.get(stream.view) {
                write_stream(stream, view, seed, &stop, out)?;
            }
        }
        Ok(())
    }
}

fn write_stream(
    stream: &Prepared,
    view: &View,
    seed: u64,
    stop: &impl Fn() -> bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut turns: Vec<Option<RoundRobin>> = stream
        .plan
        .clusters
        .iter()
        .map(|(_, e)| match &e.pick {
            Pick::InTurn(weights) => Some(RoundRobin::new(weights)),
            Pick::None | Pick::Drawn(_) => None,
        })
        .collect();
    let mut draws = Draws::new(&stream.plan, seed, stream.key, stream.requests);
    let mut clock = Arrivals::new(&stream.amount, stream.requests, seed, stream.key);
    for number in 0..stream.requests {
        if stop() {
            return Ok(());
        }
        let Some((leaf, drawn)) = draws.next() else { return Ok(()) };
        let seconds = clock.next();
        let Some(leaf) = stream.plan.leaves.get(leaf) else { continue };
        let cluster = leaf.cluster.map(|c| c as usize);
        let endpoint = match (leaf.kept, drawn) {
            (Some(kept), _) => Some(kept.endpoint as usize),
            (None, Some(endpoint)) => Some(endpoint),
            (None, None) => cluster.and_then(|c| turns.get_mut(c)?.as_mut()?.next()),
        };
        let (Some(class), Some(decision)) =
            (stream.classes.get(leaf.class as usize), stream.decisions.get(leaf.class as usize))
        else {
            continue;
        };
        let plan = cluster.and_then(|c| stream.plan.clusters.get(c));
        let host = plan.and_then(|(_, e)| e.addresses.get(endpoint?)).map(String::as_str);
        let id = request_id(seed, stream.key, number);
        let name = plan.map(|(name, _)| name);
        let line = line(&class.request, decision, view, leaf, name, host, id, timestamp(seconds));
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "a line has that many sources")]
fn line<'a>(
    request: &'a Request,
    decision: &'a Decision,
    view: &View,
    leaf: &Leaf,
    cluster: Option<&ClusterName>,
    host: Option<&'a str>,
    request_id: String,
    start_time: String,
) -> Line<'a> {
    let share = decision.clusters.iter().find(|c| Some(&c.name) == cluster);
    let (status, flags, details) = match leaf.outcome {
        Outcome::FaultAbort => (
            super::summarize::abort_status(view, decision).unwrap_or(0),
            ResponseFlags::FaultInjected,
            "fault_filter_abort",
        ),
        outcome => {
            let status = share.map_or(decision.status, |s| s.status).unwrap_or(0);
            let flags = share.map(|s| s.flags).or(decision.flags).unwrap_or_default();
            (status, flags, details(outcome, decision.found))
        }
    };
    let names_cluster = matches!(
        leaf.outcome,
        Outcome::Delivered | Outcome::Tcp | Outcome::NoEndpoints | Outcome::Passthrough | Outcome::BlackholeCluster
    );
    let header = |name: &str| request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v);
    let table = view.table();
    let asked = RequestView::from(request);
    let dialled = crate::envoy::router::dialled_port(&asked);
    // A gateway logs the port that it listens on, not the one its Service has.
    let port = table.service_ports.iter().find(|(port, _)| *port == dialled).map_or(dialled, |(_, target)| *target);
    let address = view.router.address(&asked).unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    let sni = request.sni.as_deref().map(ToString::to_string).or_else(|| {
        let host = request.dialled_host.as_deref().unwrap_or(&request.authority);
        if request.tls { Authority::of(host).server_name().map(|name| name.into_owned()) } else { None }
    });
    Line {
        authority: &request.authority,
        bytes_received: 0,
        bytes_sent: 0,
        connection_termination_details: None,
        downstream_local_address: Some(std::net::SocketAddr::new(address, port).to_string()),
        downstream_remote_address: table.proxy.ips.first().map(|ip| format!("{ip}:0")),
        duration: 0,
        method: &request.method,
        path: &request.path,
        protocol: "HTTP/1.1",
        request_id,
        requested_server_name: sni,
        response_code: status,
        response_code_details: details,
        response_flags: flags,
        route_name: decision.route_name.as_deref(),
        start_time,
        upstream_cluster: cluster.filter(|_| names_cluster).map(ToString::to_string),
        upstream_host: host,
        upstream_local_address: None,
        upstream_service_time: None,
        upstream_transport_failure_reason: None,
        user_agent: header("user-agent"),
        x_forwarded_for: header("x-forwarded-for"),
    }
}

/// Envoy's RESPONSE_CODE_DETAILS.
fn details(outcome: Outcome, found: Found) -> &'static str {
    match outcome {
        Outcome::Delivered | Outcome::Passthrough => "via_upstream",
        Outcome::Redirect if matches!(found, Found::Http { end: HttpEnd::PathRedirect { .. }, .. }) => {
            "path_normalization_failed"
        }
        Outcome::Redirect | Outcome::DirectResponse => "direct_response",
        Outcome::FaultAbort => "fault_filter_abort",
        Outcome::NoRoute => "route_not_found",
        Outcome::NoListener => "filter_chain_not_found",
        Outcome::NoCluster => "cluster_not_found",
        Outcome::NoEndpoints | Outcome::BlackholeCluster => "no_healthy_upstream",
        Outcome::Tcp => "-",
        Outcome::BadRequest => match found {
            Found::Http { end: HttpEnd::Refused(reason), .. } => reason.details(),
            _ => "-",
        },
    }
}

/// A UUID that depends on nothing but the request's place in the run.
fn request_id(seed: u64, stream: u64, number: u64) -> String {
    let mut bytes = [0u8; 24];
    for (part, value) in bytes.chunks_exact_mut(8).zip([seed, stream, number]) {
        part.copy_from_slice(&value.to_le_bytes());
    }
    let (a, b) = (xx_hash(&bytes), xx_hash_seeded(&bytes, 1));
    let (first, second, third) = (a >> 32, (a >> 16) & 0xffff, a & 0xfff);
    let (fourth, last) = (0x8000 | ((b >> 48) & 0x3fff), b & 0xffff_ffff_ffff);
    format!("{first:08x}-{second:04x}-4{third:03x}-{fourth:04x}-{last:012x}")
}

/// `1970-01-01T00:00:01.500Z` for 1.5.
fn timestamp(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest number")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    jiff::Timestamp::from_millisecond(milliseconds).map_or_else(|_| "-".to_owned(), |t| format!("{t:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ids_have_their_usual_form() {
        assert_eq!(timestamp(0.0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(86_401.25), "1970-01-02T00:00:01.250Z");
        let id = request_id(1, 2, 3);
        assert_eq!(id.len(), 36);
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(id, request_id(1, 2, 4));
    }
}
