//! Back ends that behave as is supposed of pods: they fail, break off, hang and take their time, each on a socket of its own.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use smol_str::SmolStr;

use super::wire::{read_body, read_head};
use crate::analysis::policy::{Assumptions, Ending, What};
use crate::envoy::table::{Endpoint, RouteTable};
use crate::traffic::scenario::FailureKind;

/// How often a back end that hangs, or waits for a request, looks whether the run is over.
const GLANCE: Duration = Duration::from_millis(50);

/// Which endpoint has which back end.
#[derive(Debug, Default)]
pub(super) struct PodSockets {
    /// Address and port of each endpoint, with its ways to end an attempt.
    endpoints: BTreeMap<(SmolStr, u16), (usize, Vec<Ending>)>,
}

impl PodSockets {
    /// Of all endpoints of the table.
    pub(super) fn of(table: &RouteTable, assumptions: &Assumptions) -> PodSockets {
        let mut endpoints = BTreeMap::new();
        for cluster in table.clusters.iter() {
            for endpoint in cluster.endpoints.iter() {
                let number = endpoints.len();
                let (endings, _) = assumptions.endings(&cluster.name, endpoint);
                endpoints.entry((endpoint.address.clone(), endpoint.port)).or_insert((number, endings));
            }
        }
        PodSockets { endpoints }
    }

    /// The file of an endpoint's socket, within the run's folder.
    pub(super) fn file(&self, endpoint: &Endpoint) -> Option<String> {
        let (number, _) = self.endpoints.get(&(endpoint.address.clone(), endpoint.port))?;
        Some(file(*number))
    }
}

fn file(number: usize) -> String {
    format!("pod-{number}.sock")
}

/// Running back ends, until they are dropped.
#[derive(Debug)]
pub(super) struct Pods {
    stop: Arc<AtomicBool>,
    doors: Vec<(PathBuf, JoinHandle<()>)>,
}

impl Pods {
    /// Starts those that take connections; where all are refused there is no socket.
    ///
    /// # Errors
    /// A socket cannot be made.
    pub(super) fn start(sockets: &PodSockets, folder: &Path, seed: u64) -> io::Result<Pods> {
        let mut pods = Pods { stop: Arc::default(), doors: Vec::new() };
        for (number, endings) in sockets.endpoints.values() {
            if endings.iter().all(|e| e.what == What::Failed(FailureKind::Refused)) {
                continue;
            }
            let path = folder.join(file(*number));
            let listener = UnixListener::bind(&path)?;
            let (stop, endings) = (Arc::clone(&pods.stop), endings.clone());
            let rng = Mutex::new(ChaCha8Rng::seed_from_u64(seed.wrapping_add(*number as u64)));
            pods.doors.push((path, std::thread::spawn(move || serve(&listener, &endings, &rng, &stop))));
        }
        Ok(pods)
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (path, door) in self.doors.drain(..) {
            // Wakes the thread that waits for a connection; without its socket it can't be woken, nor joined.
            if UnixStream::connect(path).is_ok() {
                let _ = door.join();
            }
        }
    }
}

fn serve(listener: &UnixListener, endings: &[Ending], rng: &Mutex<ChaCha8Rng>, stop: &Arc<AtomicBool>) {
    let mut answers = Vec::new();
    loop {
        let connection = listener.accept();
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let Ok((stream, _)) = connection else { continue };
        let (ending, ms) = drawn(endings, &mut rng.lock().unwrap_or_else(PoisonError::into_inner));
        let stop = Arc::clone(stop);
        answers.retain(|answer: &JoinHandle<()>| !answer.is_finished());
        // One that waits doesn't hold up the next.
        answers.push(std::thread::spawn(move || {
            let _ = answer(&stream, ending, ms, &stop);
        }));
    }
    answers.into_iter().for_each(|answer| drop(answer.join()));
}

/// A way to end an attempt, and the time it takes in milliseconds.
fn drawn(endings: &[Ending], rng: &mut ChaCha8Rng) -> (What, f64) {
    let mut left = rng.random::<f64>();
    let found = endings.iter().find(|e| {
        left -= e.share;
        left < 0.0
    });
    let Some(ending) = found.or(endings.last()) else { return (What::Success, 0.0) };
    let waits: f64 = ending.waits.iter().map(|cap| f64::from(rng.random_range(0..*cap))).sum();
    (ending.what, ending.ms + waits)
}

fn answer(stream: &UnixStream, what: What, ms: f64, stop: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    let mut reader = BufReader::new(stream);
    let Some(head) = read_head(&mut reader)? else { return Ok(()) };
    read_body(&mut reader, &head, false)?;
    if ms.is_infinite() {
        return hang(stream, stop);
    }
    std::thread::sleep(Duration::from_secs_f64(ms / 1000.0));
    let mut stream = stream;
    let (status, _) = what.answer();
    let header = match what {
        What::Failed(FailureKind::Reset | FailureKind::Refused) => return Ok(()),
        What::Failed(FailureKind::Garbage) => return stream.write_all(b"this is not HTTP\r\n\r\n"),
        What::Failed(FailureKind::Grpc(code)) => format!("content-type: application/grpc\r\ngrpc-status: {code}\r\n"),
        What::Failed(FailureKind::RateLimited(_)) => "x-envoy-ratelimited: true\r\n".to_owned(),
        _ => String::new(),
    };
    write!(stream, "HTTP/1.1 {status} Supposed\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n")
}

/// Keeps silent until the other side, or the run, has enough.
fn hang(mut stream: &UnixStream, stop: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(GLANCE))?;
    let mut byte = [0u8; 1];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut byte) {
            Ok(0) => break,
            Err(e) if !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::verify::{folder, wire};

    fn ask(ending: What) -> io::Result<Option<wire::Answer>> {
        let folder = folder::create().expect("a folder");
        let one = Ending { share: 1.0, what: ending, ms: 0.0, waits: &[] };
        let endpoints = BTreeMap::from([(("10.0.0.1".into(), 80), (0, vec![one]))]);
        let pods = Pods::start(&PodSockets { endpoints }, &folder, 1).expect("sockets");
        let mut stream = UnixStream::connect(folder.join(file(0))).expect("a connection");
        write!(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
        let answer = wire::read_answer(&mut BufReader::new(&stream), false);
        drop(stream);
        drop(pods);
        std::fs::remove_dir_all(&folder).expect("the folder goes");
        answer
    }

    #[test]
    fn pods_end_attempts_as_supposed() {
        let status = |what| ask(what).expect("an answer").map(|a| a.status);
        assert_eq!(status(What::Success), Some(200));
        assert_eq!(status(What::Failed(FailureKind::Status(429))), Some(429));
        assert_eq!(status(What::Failed(FailureKind::Down)), Some(503));
        assert_eq!(ask(What::Failed(FailureKind::Reset)).ok().flatten().map(|a| a.status), None);
        let garbage = ask(What::Failed(FailureKind::Garbage)).ok().flatten();
        assert_ne!(garbage.map(|a| a.status), Some(200));
    }
}
