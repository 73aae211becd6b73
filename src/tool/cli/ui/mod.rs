//! `towtank ui`.

mod open;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;

use super::common::CommonArgs;
use super::exit::Exit;
use super::output;
use crate::envoy::request::Request;
use crate::tool::files::Stamp;
use crate::tool::report::visible;
use crate::tool::ui::{Engine, Server};
use crate::traffic::request_text;
use open::Opened;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank ui manifests/ --open
  towtank ui manifests/ --against git:main
  towtank ui scenarios/match-priority --port 8080

The address has a token: whoever has it can read the manifests, and nobody else can. Ctrl-C ends the server.

Exit status: 2 wrong usage, or the port is taken; 130 stopped by Ctrl-C.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Page")]
pub(super) struct UiArgs {
    /// The manifests that the changes are told against; git:HEAD of PATH unless said
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,

    /// Port on loopback; any free one unless said
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

pub(super) fn run(args: &UiArgs) -> anyhow::Result<Exit> {
    let is_piped = |path: &PathBuf| path.as_os_str() == "-";
    if args.common.paths.iter().any(is_piped) {
        anyhow::bail!("standard input can be read once, and the page follows what it reads: name files or folders");
    }
    let server = Server::start(args.port).with_context(|| format!("cannot listen on port {}", args.port))?;
    let address = server.address();
    output::own(format!("{address}\n").as_bytes())?;
    if args.open {
        open_in_browser(&address);
    }
    // What is wrong is said on the page.
    let common = CommonArgs { quiet: true, ..args.common.clone() };
    server.serve(&Page { args, common, opened: Mutex::default(), read: Mutex::default() });
    Ok(Exit::Fine)
}

/// Starts what the system opens addresses with; the address was printed, so that it may fail.
fn open_in_browser(address: &str) {
    let (program, first): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(first).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        output::message(&format!("note: {program} can't be started ({error}); open the address in a browser"));
    }
}

/// What the page shows.
struct Page<'a> {
    args: &'a UiArgs,
    common: CommonArgs,
    /// The last that could be read, of which requests are asked.
    opened: Mutex<Option<Arc<Opened>>>,
    /// Names of the files that were read last, which may lie outside of the paths that were given.
    read: Mutex<Vec<String>>,
}

impl Engine for Page<'_> {
    type Stamp = Stamp;

    fn stamp(&self) -> Stamp {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let given = self.common.paths.iter().chain(&self.common.overlay).chain(&self.common.mesh_config);
        let given = given.chain(&self.args.against).map(|path| path.to_string_lossy());
        // Of a path that is laid over another, both are looked at.
        let parts = given.flat_map(|path| path.split('+').map(PathBuf::from).collect::<Vec<_>>());
        Stamp::of(parts.chain(read.into_iter().map(PathBuf::from)))
    }

    fn open(&self) -> Result<String, String> {
        let mut read = Vec::new();
        let opened = Opened::new(&self.common, self.args.against.as_ref(), &mut read);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = read;
        let (opened, state) = opened?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
        Ok(String::from_utf8_lossy(&visible::json(state.as_bytes())).into_owned())
    }

    fn explain(&self, asked: &str) -> String {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = match (request(asked), opened) {
            (Err(error), _) => Err(error),
            (_, None) => Err("nothing could be read yet".to_owned()),
            (Ok(request), Some(opened)) => opened.explain(&request, &self.common),
        };
        let json = answer.unwrap_or_else(|error| serde_json::json!({ "error": error }).to_string());
        String::from_utf8_lossy(&visible::json(json.as_bytes())).into_owned()
    }
}

/// A request as somebody writes it down: a curl command line, or `METHOD URL`, with headers behind or a line each below.
fn request(asked: &str) -> Result<Request, String> {
    let asked = asked.trim();
    if asked.starts_with("curl ") {
        return request_text::parse_curl(asked).map(|curl| curl.request).map_err(|error| error.to_string());
    }
    let mut lines = asked.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.map(str::to_owned).collect();
    // A bare address is asked for with GET.
    let first = if first.contains("://") && !first.contains(' ') { format!("GET {first}") } else { first.to_owned() };
    request_text::parse_request(&first, &headers).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_people_write_them() {
        for asked in [
            "GET http://shop/a -H 'x-a: 1'",
            " GET http://shop/a\n x-a: 1 \n\n",
            "http://shop/a\nx-a: 1",
            "curl http://shop/a -H 'x-a: 1'",
        ] {
            let request = request(asked).expect("a request");
            assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a"), "{asked}");
            assert_eq!(
                request.headers.iter().filter(|(name, value)| name == "x-a" && value == "1").count(),
                1,
                "{asked}"
            );
        }
        assert!(request("").is_err());
    }
}
