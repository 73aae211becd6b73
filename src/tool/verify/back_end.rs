//! The one back end behind all endpoints: answers every request with 200 and keeps what arrived.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::wire::{Head, read_body, read_head};

/// Response header with the number under which the arrival was kept.
pub(super) const ARRIVAL_HEADER: &str = "x-towtank-arrival";

/// Threads that answer.
const THREADS: usize = 4;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(2);

/// How many arrivals are kept that nobody asked for, such as those of mirrored requests.
const KEPT_MAX: u64 = 65_536;

/// Listens on a socket file until it is dropped.
#[derive(Debug)]
pub(super) struct BackEnd {
    path: PathBuf,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    count: AtomicU64,
    arrivals: Mutex<BTreeMap<u64, Head>>,
}

impl BackEnd {
    /// # Errors
    /// The socket cannot be made.
    pub(super) fn start(path: &Path) -> io::Result<BackEnd> {
        let listener = UnixListener::bind(path)?;
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::with_capacity(THREADS);
        for _ in 0..THREADS {
            let (listener, shared) = (listener.try_clone()?, Arc::clone(&shared));
            threads.push(std::thread::spawn(move || serve(&listener, &shared)));
        }
        Ok(BackEnd { path: path.to_path_buf(), shared, threads })
    }

    /// Takes what arrived under a number.
    pub(super) fn take(&self, number: u64) -> Option<Head> {
        self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for _ in &self.threads {
            // Wakes a thread that waits for a connection. Without its socket file none can be woken, nor joined.
            if UnixStream::connect(&self.path).is_err() {
                return;
            }
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &UnixListener, shared: &Shared) {
    loop {
        let connection = listener.accept();
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        if let Ok((stream, _)) = connection {
            // A client that goes away is none of the back end's concern.
            let _ = answer(&stream, shared);
        }
    }
}

fn answer(stream: &UnixStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream);
    let Some(head) = read_head(&mut reader)? else { return Ok(()) };
    read_body(&mut reader, &head, false)?;
    let number = shared.count.fetch_add(1, Ordering::Relaxed);
    {
        let mut arrivals = shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.insert(number, head);
        while arrivals.first_key_value().is_some_and(|(first, _)| number - first.min(&number) > KEPT_MAX) {
            arrivals.pop_first();
        }
    }
    let mut stream = stream;
    write!(stream, "HTTP/1.1 200 OK\r\n{ARRIVAL_HEADER}: {number}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::verify::{folder, wire};

    #[test]
    fn what_arrives_is_kept_under_the_number_of_the_answer() {
        let folder = folder::create().unwrap();
        let back_end = BackEnd::start(&folder.join("b.sock")).unwrap();
        for path in ["/a", "/b"] {
            let mut stream = UnixStream::connect(folder.join("b.sock")).unwrap();
            write!(stream, "POST {path} HTTP/1.1\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nxx").unwrap();
            let answer = wire::read_answer(&mut BufReader::new(&stream), false).unwrap().unwrap();
            let number = answer.head.field(ARRIVAL_HEADER).unwrap().parse().unwrap();
            let head = back_end.take(number).unwrap();
            assert_eq!(head.first_line, format!("POST {path} HTTP/1.1"));
            assert_eq!(head.field("x-a"), Some("1"));
            assert_eq!(back_end.take(number), None);
        }
        drop(back_end);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
