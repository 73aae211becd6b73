//! Requests through a running Envoy, each with what its access log says.

use std::io::{self, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use serde_json::Value;

use super::back_end::{ARRIVAL_HEADER, BackEnd};
use super::bootstrap;
use super::pods::PodSockets;
use super::process::Process;
use super::program::Program;
use super::wire::{self, Answer, Head};
use crate::envoy::router::Router;

/// How long an answer, or a line of the access log, may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where a connection goes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dial {
    pub to: SocketAddr,
    pub tls: Tls,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    Plain,
    /// TLS, with the server name if there is one.
    Client(Option<String>),
}

/// A line of the access log of an HTTP connection manager.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct HttpLine {
    pub connection: u64,
    pub route_config: String,
    /// The mark of the route; None: no route was taken.
    pub route: Option<String>,
    pub route_name: Option<String>,
    pub status: u16,
    pub flags: String,
    pub cluster: Option<String>,
    /// The mark of the endpoint.
    pub endpoint: Option<String>,
    /// How often the request was sent to an endpoint.
    #[serde(default)]
    pub attempts: Option<u32>,
}

/// A line of the access log of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ConnectionLine {
    pub connection: u64,
    /// Index of the listener, or [`bootstrap::ENTRY`].
    pub listener: String,
    /// The address that the PROXY header names as the client's, unless the connection came to no such header.
    pub peer: String,
    /// None: no filter chain took the connection.
    pub chain: Option<String>,
    pub flags: String,
    pub cluster: Option<String>,
    pub endpoint: Option<String>,
}

/// A connection that is over, with the requests on it in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub connection: ConnectionLine,
    pub http: Vec<HttpLine>,
}

/// An open connection into Envoy.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    peer: SocketAddr,
}

/// A running Envoy with its back end. Field order is the order of their end.
#[derive(Debug)]
pub(super) struct Session {
    back_end: BackEnd,
    process: Process,
    connections: u32,
    /// Connections of which no end is known yet.
    pending: FxHashSet<SocketAddr>,
    /// Lines of connections whose end isn't known yet, by Envoy's number of the connection.
    http: FxHashMap<u64, Vec<HttpLine>>,
    ended: FxHashMap<SocketAddr, Ended>,
}

impl Session {
    /// Starts Envoy with an exported configuration, and the back end.
    ///
    /// # Errors
    /// No place for files, or Envoy doesn't start.
    pub(super) fn start(program: &Program, exported: &Value, router: &Router, has_ipv6: bool) -> io::Result<Session> {
        Session::start_before(program, exported, router, has_ipv6, None)
    }

    /// The same before pods that behave as supposed, where there are some: then timeouts and delays are those of the table.
    ///
    /// # Errors
    /// As [`Session::start`].
    pub(super) fn start_before(
        program: &Program,
        exported: &Value,
        router: &Router,
        has_ipv6: bool,
        pods: Option<&PodSockets>,
    ) -> io::Result<Session> {
        let mut process = Process::prepare(program)?;
        let folder = process.folder().to_path_buf();
        let site = bootstrap::Site { router, folder: &folder, envoy: program.minor(), has_ipv6, pods };
        for file in bootstrap::files(exported, site) {
            std::fs::write(folder.join(&file.name), serde_json::to_vec(&file.content)?)?;
        }
        let back_end = BackEnd::start(&folder.join(bootstrap::BACK_END_SOCKET))?;
        process.launch()?;
        Ok(Session {
            back_end,
            process,
            connections: 0,
            pending: FxHashSet::default(),
            http: FxHashMap::default(),
            ended: FxHashMap::default(),
        })
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// Envoy doesn't take it.
    pub(super) fn connect(&mut self, dial: &Dial) -> io::Result<Connection> {
        let socket = match &dial.tls {
            Tls::Plain => bootstrap::ENTRY_SOCKET,
            Tls::Client(Some(_)) => bootstrap::TUNNEL_SOCKET,
            Tls::Client(None) => bootstrap::NAMELESS_TUNNEL_SOCKET,
        };
        let server_name = match &dial.tls {
            Tls::Client(name) => name.as_deref(),
            Tls::Plain => None,
        };
        let peer = peer(self.connections, dial.to.is_ipv6());
        self.connections = self.connections.wrapping_add(1);
        let mut stream = UnixStream::connect(self.process.folder().join(socket))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(&wire::proxy_header(peer, dial.to, server_name))?;
        self.pending.insert(peer);
        Ok(Connection { stream, peer })
    }

    /// The connection that is still open; else a new one, whose peer is added to `peers`.
    ///
    /// # Errors
    /// Envoy doesn't take it.
    pub(super) fn connect_unless(
        &mut self,
        open: Option<Connection>,
        dial: &Dial,
        peers: &mut Vec<SocketAddr>,
    ) -> io::Result<Connection> {
        if let Some(open) = open {
            return Ok(open);
        }
        let new = self.connect(dial)?;
        peers.push(new.peer());
        Ok(new)
    }

    /// What arrived at the back end for an answer; None: the answer is Envoy's own.
    pub(super) fn arrival(&self, answer: &Answer) -> Option<Head> {
        self.back_end.take(answer.head.field(ARRIVAL_HEADER)?.parse().ok()?)
    }

    /// Waits until the ends of all closed connections are known.
    ///
    /// # Errors
    /// Envoy is gone, writes what cannot be read, or doesn't write at all.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let Some(line) = self.process.access_log_line(PATIENCE)? else {
                let count = self.pending.len();
                return Err(io::Error::other(format!("Envoy wrote no access log for {count} connections")));
            };
            self.take_line(&line)?;
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Kind {
            kind: String,
        }
        let unreadable = |e| io::Error::other(format!("a line of Envoy's access log cannot be read: {e}: {line}"));
        let kind: Kind = serde_json::from_str(line).map_err(unreadable)?;
        if kind.kind == "http" {
            let line: HttpLine = serde_json::from_str(line).map_err(unreadable)?;
            self.http.entry(line.connection).or_default().push(line);
        } else {
            let connection: ConnectionLine = serde_json::from_str(line).map_err(unreadable)?;
            let Ok(peer) = connection.peer.parse() else { return Ok(()) };
            // A connection that no chain takes has no number of its own.
            let http = connection.chain.as_ref().and_then(|_| self.http.remove(&connection.connection));
            if self.pending.remove(&peer) {
                self.ended.insert(peer, Ended { connection, http: http.unwrap_or_default() });
            }
        }
        Ok(())
    }

    /// How a connection ended, after [`Session::settle`].
    pub(super) fn take_ended(&mut self, peer: SocketAddr) -> Option<Ended> {
        self.ended.remove(&peer)
    }
}

impl Connection {
    /// The address under which Envoy knows the client of this connection.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends a request and reads its answer. None: the connection was closed instead.
    ///
    /// # Errors
    /// There is no answer in time.
    pub(super) fn ask(&mut self, request: &[u8], is_head: bool) -> io::Result<Option<Answer>> {
        let closed = |e: &io::Error| {
            matches!(
                e.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
            )
        };
        // Envoy may have answered and closed before everything was sent.
        match self.stream.write_all(request) {
            Err(e) if !closed(&e) => return Err(e),
            _ => {}
        }
        match wire::read_answer(&mut BufReader::new(&self.stream), is_head) {
            Err(e) if closed(&e) => Ok(None),
            other => other,
        }
    }
}

/// An address for the client of the connection with this number; different for some thousand million connections.
fn peer(number: u32, is_ipv6: bool) -> SocketAddr {
    const PORTS: u32 = 60_000;
    // Within 198.18.0.0/15, which is for benchmarks.
    let v4 = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + (number / PORTS) % (1 << 17));
    let port = u16::try_from(1024 + number % PORTS).unwrap_or(u16::MAX);
    let [a, b, c, d] = v4.octets().map(u16::from);
    let address = if is_ipv6 { IpAddr::V6([0xfd00, 0, 0, 0, a, b, c, d].into()) } else { IpAddr::V4(v4) };
    SocketAddr::new(address, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_access_log() {
        let line = r#"{"chain":null,"cluster":null,"endpoint":null,"flags":"NR","connection":0,"kind":"connection","listener":"1","peer":"198.18.0.1:1011"}"#;
        let line: ConnectionLine = serde_json::from_str(line).unwrap();
        assert_eq!((line.chain, line.peer.as_str()), (None, "198.18.0.1:1011"));
        let line = r#"{"kind":"http","connection":7,"route_config":"80","route":"0/2","route_name":null,"status":200,"flags":"-","cluster":"c","endpoint":"0","details":"via_upstream"}"#;
        let line: HttpLine = serde_json::from_str(line).unwrap();
        assert_eq!((line.route.as_deref(), line.status), (Some("0/2"), 200));
    }

    #[test]
    fn each_connection_has_a_peer_of_its_own() {
        assert_eq!(peer(0, false), "198.18.0.0:1024".parse().unwrap());
        assert_eq!(peer(60_001, false), "198.18.0.1:1025".parse().unwrap());
        assert_eq!(peer(0, true), "[fd00::c6:12:0:0]:1024".parse().unwrap());
    }
}
