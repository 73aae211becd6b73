//! The server: assets, the state as it is and as it becomes, and answers to questions.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tiny_http::{Header, Method, Request, Response};

use super::guard::Guard;
use super::{ASSETS, Engine};
use crate::tool::page::refusal;

/// Files are looked at with at least and at most so much time between: often enough that a save is shown within a fifth of a second, and by
/// their names and times alone. Events of the system would not come through where files are shared with a container.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(80)];
/// A pause is so many times as long as the look before it took, so that looking costs next to nothing however many files there are.
const PAUSE: u32 = 40;
/// A question for what is new is answered after so long, if nothing is.
const PATIENCE: Duration = Duration::from_secs(25);
/// Bytes of a question.
const QUESTION_MAX: u64 = 64 * 1024;

/// What a page of this server may do: show itself and ask the server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// A server that listens.
pub(crate) struct Server {
    http: tiny_http::Server,
    guard: Guard,
}

/// What is shown.
#[derive(Debug, Default)]
struct State {
    /// Grows with each change.
    generation: u64,
    /// The last one that could be read.
    good: Option<String>,
    /// Why the files of now can't be.
    error: Option<String>,
}

impl State {
    fn to_json(&self) -> String {
        let error = serde_json::to_string(&self.error).unwrap_or_else(|_| "null".to_owned());
        let good = self.good.as_deref().unwrap_or("null");
        format!(r#"{{"version":1,"generation":{},"error":{error},"state":{good}}}"#, self.generation)
    }
}

/// Who waits for what is new.
struct Waiting {
    request: Request,
    since: Instant,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    waiting: Mutex<Vec<Waiting>>,
}

impl Server {
    /// Listens on a port of loopback; 0 is any free one.
    ///
    /// # Errors
    /// The port is taken, or the system has no randomness for a token.
    pub(crate) fn start(port: u16) -> io::Result<Server> {
        let http = tiny_http::Server::http(("127.0.0.1", port)).map_err(|error| io::Error::other(error.to_string()))?;
        let port = http.server_addr().to_ip().map_or(port, |address| address.port());
        Ok(Server { http, guard: Guard::new(port)? })
    }

    /// Where the page is, with the token.
    pub(crate) fn address(&self) -> String {
        self.guard.address()
    }

    /// Serves until the process ends.
    pub(crate) fn serve<E: Engine>(&self, engine: &E) {
        let shared = Shared::default();
        let first = engine.stamp();
        shared.publish(engine.open());
        std::thread::scope(|scope| {
            scope.spawn(|| watch(engine, first, &shared));
            for request in self.http.incoming_requests() {
                self.answer(request, engine, &shared);
            }
        });
    }

    fn answer(&self, mut request: Request, engine: &impl Engine, shared: &Shared) {
        let url = request.url().to_owned();
        let header = |name: &str| -> Option<String> {
            let mut values = request.headers().iter().filter(|h| h.field.as_str().as_str().eq_ignore_ascii_case(name));
            let first = values.next().map(|h| h.value.as_str().to_owned());
            if values.next().is_some() { Some(String::new()) } else { first }
        };
        let Some(asked) = self.guard.admits(&url, header) else {
            return respond(request, 403, "text/plain; charset=utf-8", "no");
        };
        match (request.method().clone(), asked) {
            (Method::Get, "api/state") => {
                let known = url.rsplit_once("since=").and_then(|(_, n)| n.parse().ok());
                shared.state_for(request, known);
            }
            (Method::Post, name) => {
                let mut body = String::new();
                let is_text = request.as_reader().take(QUESTION_MAX).read_to_string(&mut body).is_ok();
                let question = name.strip_prefix("api/");
                match question.and_then(|question| engine.answer(question, if is_text { &body } else { "" })) {
                    Some(_) if !is_text => respond(request, 200, JSON, &refusal("this is no text")),
                    Some(answer) => respond(request, 200, JSON, &answer),
                    None => respond(request, 404, "text/plain; charset=utf-8", "not here"),
                }
            }
            (Method::Get, name) => match ASSETS.iter().find(|a| a.name == name) {
                Some(asset) => respond(request, 200, asset.kind, asset.text),
                None => respond(request, 404, "text/plain; charset=utf-8", "not here"),
            },
            _ => respond(request, 405, "text/plain; charset=utf-8", "not so"),
        }
    }
}

const JSON: &str = "application/json; charset=utf-8";

/// Sends an answer; whoever doesn't want it any more gets none.
fn respond(request: Request, status: u16, kind: &str, text: &str) {
    let headers = [
        ("Content-Type", kind),
        ("Content-Security-Policy", POLICY),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ];
    let mut response = Response::from_string(text).with_status_code(status);
    for header in headers.iter().filter_map(|(name, value)| Header::from_bytes(name.as_bytes(), value.as_bytes()).ok())
    {
        response.add_header(header);
    }
    let _ = request.respond(response);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Keeps what was read, and tells who waits.
    fn publish(&self, opened: Result<String, String>) {
        let mut state = lock(&self.state);
        state.generation += 1;
        match opened {
            Ok(good) => (state.good, state.error) = (Some(good), None),
            Err(error) => state.error = Some(error),
        }
        let text = state.to_json();
        drop(state);
        // Taken out first: a slow reader keeps nobody else from asking.
        let all = std::mem::take(&mut *lock(&self.waiting));
        all.into_iter().for_each(|waiting| respond(waiting.request, 200, JSON, &text));
    }

    /// Answers at once where there is something else than what is known, else once there is.
    fn state_for(&self, request: Request, known: Option<u64>) {
        let state = lock(&self.state);
        if known != Some(state.generation) {
            let text = state.to_json();
            drop(state);
            return respond(request, 200, JSON, &text);
        }
        // The state stays locked meanwhile: nothing is published between the look at it and the wait.
        lock(&self.waiting).push(Waiting { request, since: Instant::now() });
    }

    /// Lets go of those that have waited for long: whatever stands between may take the connection for dead.
    fn let_go(&self) {
        let mut waiting = lock(&self.waiting);
        let (gone, rest): (Vec<Waiting>, Vec<Waiting>) = waiting.drain(..).partition(|w| w.since.elapsed() > PATIENCE);
        *waiting = rest;
        drop(waiting);
        gone.into_iter().for_each(|w| respond(w.request, 204, JSON, ""));
    }
}

/// How long files are not looked at, after a look that took so long.
fn pause_after(look: Duration) -> Duration {
    (look * PAUSE).clamp(PAUSES[0], PAUSES[1])
}

fn watch<E: Engine>(engine: &E, first: E::Stamp, shared: &Shared) {
    let mut seen = first;
    let mut pause = PAUSES[0];
    loop {
        std::thread::sleep(pause);
        let begin = Instant::now();
        let stamp = engine.stamp();
        pause = pause_after(begin.elapsed());
        if stamp != seen {
            seen = stamp;
            shared.publish(engine.open());
        }
        shared.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_cost_little_and_come_often_enough() {
        let pauses = [0, 100, 1_000, 1_900, 1_000_000].map(|took| pause_after(Duration::from_micros(took)).as_millis());
        assert_eq!(pauses, [20, 20, 40, 76, 80]);
    }
}
