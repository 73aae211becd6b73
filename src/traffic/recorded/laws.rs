//! Logs in `tests/recorded/`, a folder a format, with what each line is in `NAME.expected`: a record, a reason to pass it
//! over, or what is wrong with it. `UPDATE_EXPECT=1` rewrites them. Then the laws that hold for all logs.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use crate::testing::open;
use crate::traffic::recorded::{BadLine, Entry, Format, Log, Reason, Record, Settings, Unreadable};
use crate::traffic::replay::{self, Override, Simulation};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[test]
fn logs_are_read_as_expected() {
    let mut cases = 0;
    for input in logs() {
        cases += 1;
        let path = input.with_extension("expected");
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let head: Value = expected.lines().next().and_then(|l| serde_json::from_str(l).ok()).unwrap_or_default();
        let authority = head["default_authority"].as_str();
        let bytes = std::fs::read(&input).expect("the case is readable");
        let got = shown(&bytes, authority);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &got).expect("the case is writable");
        } else {
            assert_eq!(got, expected, "{}", path.display());
        }
        if !bytes.is_empty() && authority.is_none() {
            for (how, packed) in [("gzip", gzip(&bytes)), ("zstd", zstd::encode_all(&*bytes, 1).expect("it packs"))] {
                assert_eq!(shown(&packed, None), got, "{how} of {}", input.display());
            }
            let windows = String::from_utf8(bytes).expect("cases are text").replace('\n', "\r\n");
            assert_eq!(shown(windows.as_bytes(), None), got, "{} with CRLF", input.display());
        }
    }
    assert!(cases >= 20, "only {cases} cases were found");
}

fn logs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut logs: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("the folder is readable").into_path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    logs
}

fn settings(authority: Option<&str>, batch_bytes: usize) -> Settings {
    Settings { batch_bytes, ..Settings::of_authority(authority) }
}

type Lines = Vec<(u64, Result<Entry, BadLine>)>;

fn read(bytes: &[u8], settings: Settings) -> (Option<Format>, Lines, Option<Unreadable>) {
    let mut lines = Vec::new();
    let mut log = match Log::open("x.log", Box::new(Cursor::new(bytes.to_vec())), settings) {
        Ok(log) => log,
        Err(unreadable) => return (None, lines, Some(unreadable)),
    };
    let end = loop {
        match log.next_batch() {
            Ok(Some(batch)) => lines.extend(batch.entries()),
            Ok(None) => break None,
            Err(unreadable) => break Some(unreadable),
        }
    };
    (Some(log.format()), lines, end)
}

fn shown(bytes: &[u8], authority: Option<&str>) -> String {
    let (format, lines, unreadable) = read(bytes, settings(authority, 1 << 20));
    let mut head = Map::new();
    head.extend(authority.map(|a| ("default_authority".to_owned(), a.into())));
    head.extend(format.map(|f| ("format".to_owned(), f.to_string().into())));
    let mut out = vec![Value::Object(head)];
    out.extend(lines.into_iter().map(|(line, entry)| match entry {
        Ok(Entry::Request(record)) => record_json(line, &record),
        Ok(Entry::PassedOver(reason)) => json!({ "line": line, "passed_over": reason.to_string() }),
        Err(bad) => json!({ "bad": bad.to_string(), "text": bad.text }),
    }));
    out.extend(unreadable.map(|u| json!({ "unreadable": u.to_string(), "hint": u.hint })));
    out.iter().map(|line| format!("{line}\n")).collect()
}

/// What the log says, without what it doesn't.
fn record_json(line: u64, Record { request, client, went, .. }: &Record) -> Value {
    let r = request;
    let mut out = json!({ "line": line, "method": r.method, "authority": r.authority, "path": r.path });
    let id = (r.id != line).then(|| r.id.clone());
    let optional = [
        ("id", id),
        ("proxy", r.proxy.as_deref().map(Value::from)),
        ("port", r.port.map(Value::from)),
        ("address", r.address.map(|a| a.to_string().into())),
        ("dialled_host", r.dialled_host.as_deref().map(Value::from)),
        ("tls", r.tls.then_some(true.into())),
        ("sni", r.sni.as_deref().map(Value::from)),
        ("headers", (!r.headers.is_empty()).then(|| json!(r.headers))),
        ("client", client.map(|a| a.to_string().into())),
        (
            "went",
            went.as_ref().map(
                |w| json!({ "cluster": w.cluster, "flags": w.flags, "status": w.status, "route_name": w.route_name }),
            ),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            out[name] = value;
        }
    }
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("memory takes all");
    packer.finish().expect("memory takes all")
}

/// Many lines of one kind; the number tells them apart.
fn many(count: usize) -> String {
    (0..count).map(|n| format!("{{\"authority\":\"shop\",\"path\":\"/{n}\"}}\n")).collect()
}

#[test]
fn several_members_are_one_log() {
    let text = many(10);
    let (first, second) = text.split_at(text.len() / 2);
    let plain = shown(text.as_bytes(), None);
    assert_eq!(shown(&[gzip(first.as_bytes()), gzip(second.as_bytes())].concat(), None), plain);
    let frame = |part: &str| zstd::encode_all(part.as_bytes(), 1).expect("it packs");
    assert_eq!(shown(&[frame(first), frame(second)].concat(), None), plain);
}

#[test]
fn data_that_is_cut_off_is_told_with_the_line() {
    let short = gzip(many(10).as_bytes());
    let (format, _, unreadable) = read(&short[..short.len() - 20], settings(None, 1 << 20));
    assert_eq!(format, None, "it is seen before anything is done");
    assert_eq!(unreadable.unwrap().to_string(), "x.log: the gzip data is cut off: its end is missing");
    let text = many(100_000);
    for (packed, name) in
        [(gzip(text.as_bytes()), "gzip"), (zstd::encode_all(text.as_bytes(), 1).expect("it packs"), "zstd")]
    {
        let (_, lines, unreadable) = read(&packed[..packed.len() / 2], settings(None, 1 << 16));
        let unreadable = unreadable.unwrap();
        assert_eq!(unreadable.message, format!("the {name} data is cut off: its end is missing"));
        let last = lines.last().unwrap().0;
        let reached = unreadable.line.unwrap();
        assert!(last < reached && reached < 100_000 && last > 10_000, "{last} {reached}");
    }
    let mut broken = gzip(text.as_bytes());
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    let (_, _, unreadable) = read(&broken, settings(None, 1 << 16));
    assert!(unreadable.is_some_and(|u| u.message.starts_with("the gzip data is corrupt") && u.line.is_some()));
}

#[test]
fn other_archives_are_named() {
    for (magic, command) in
        [(&b"\xfd7zXZ\0rest"[..], "xz -dc"), (b"PK\x03\x04rest", "unzip -p"), (b"\xff\xfea\0", "iconv")]
    {
        let (_, _, unreadable) = read(magic, settings(None, 1));
        assert!(unreadable.unwrap().hint.unwrap().contains(command));
    }
}

#[test]
fn an_input_that_fails_is_an_error() {
    struct Failing(usize);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| std::io::Error::other("the disk is gone"))?;
            buffer.fill(b'\n');
            buffer[..30].copy_from_slice(b"{\"authority\":\"a\",\"path\":\"/aa\"}");
            Ok(buffer.len())
        }
    }
    let opened = Log::open("x.log", Box::new(Failing(0)), Settings::default());
    assert_eq!(opened.unwrap_err().to_string(), "x.log: the disk is gone");
    let mut log =
        Log::open("x.log", Box::new(std::io::Read::chain(Cursor::new(many(20_000)), Failing(0))), Settings::default())
            .unwrap();
    // Whole batches before the fault may come first.
    let error = loop {
        match log.next_batch() {
            Ok(batch) => assert!(batch.is_some(), "the log doesn't end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "x.log:20001: the disk is gone");
}

#[test]
fn endless_lines_are_refused() {
    let mut text = many(1).into_bytes();
    text.resize(20 << 20, b'x');
    let (_, lines, unreadable) = read(&text, settings(None, 1 << 20));
    assert_eq!(lines.len(), 1);
    assert_eq!(unreadable.unwrap().to_string(), "x.log:2: the line is longer than 16 MiB");
}

#[test]
fn bytes_that_are_no_text_spoil_their_line_only() {
    let text = [&b"{\"authority\":\"a\",\"path\":\"/1\"}\n{\"authority\":\"\xe9"[..], many(3).as_bytes()].concat();
    let (_, lines, _) = read(&text, settings(None, 1));
    let kinds: Vec<(u64, bool)> = lines.iter().map(|(line, entry)| (*line, entry.is_ok())).collect();
    assert_eq!(kinds, [(1, true), (2, false), (3, true), (4, true)]);
    assert_eq!(lines[1].1.as_ref().unwrap_err().to_string(), "2:15: bytes that are no UTF-8");

    // A message that can't be read goes on all the same, wherever a batch ends.
    let entry = r#"[2026-03-01T12:00:00.000Z] "GET / HTTP/2" 204 - 0 0 2 1 "-" "-" "-" "shop" "10.0.2.1:80""#;
    let text = [entry.as_bytes(), b"\n2026-03-01T11:59:58.000000Z\tinfo\t\x80\nmore of it\n"].concat();
    for size in [1, 1000] {
        let kinds: Vec<_> = read(&text, settings(None, size)).1.into_iter().map(|(_, entry)| entry.ok()).collect();
        assert_eq!(kinds[1..], [None, Some(Entry::PassedOver(Reason::OwnMessage))], "{size}");
    }
}

#[test]
fn open_quotes_spoil_their_row_and_no_memory() {
    let (_, lines, _) = read(b"path,host\n/a,b\n\n/c,\"d\n/e,f", settings(None, 1));
    let bad = lines[1].1.as_ref().unwrap_err();
    assert_eq!((lines.len(), bad.line, &*bad.text), (2, 4, "/c,d\\n/e,f"));
    assert!(bad.message.starts_with("a quote of this row is not closed"), "{bad}");
    let mut text = b"path,host\n/a,b\n/c,\"".to_vec();
    text.resize(40 << 20, b'\n');
    let (_, lines, unreadable) = read(&text, settings(None, 1));
    assert_eq!(lines.len(), 1);
    assert_eq!(unreadable.unwrap().to_string(), "x.log:3: the row is longer than 16 MiB: maybe a quote is not closed");
}

/// What `simulate --access-log` writes is a log that can be replayed.
#[test]
fn our_own_access_logs_are_read_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut requests = 0;
    for scenario in ["scenarios/bookshop", "scenarios/blackhole-undefined-subset", "scenarios/egress"] {
        let workspace = open(&root.join(scenario)).expect("a good scenario");
        let amount = Override { count: Some(500), ..Override::default() };
        let how = replay::Settings { seed: 1, amount, keep_apart: true, ..replay::Settings::default() };
        let simulation = Simulation::prepare(&workspace.mesh, &workspace.points, workspace.scenario.as_ref(), &how);
        let mut text = Vec::new();
        simulation.expect("streams").access_log(1, || false, &mut text).expect("memory takes all");
        let written: Vec<Value> =
            text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
        let (format, lines, unreadable) = read(&text, settings(None, 1 << 12));
        assert_eq!((format, unreadable), (Some(Format::AccessLogJson), None));
        assert_eq!(lines.len(), written.len());
        for ((_, entry), line) in lines.into_iter().zip(&written) {
            let Ok(Entry::Request(Record { request, client, went: Some(went), .. })) = entry else {
                panic!("{line} is read as {entry:?}");
            };
            for (name, got) in [("method", &request.method), ("authority", &request.authority), ("path", &request.path)]
            {
                assert_eq!(line[name], got.as_str(), "{line}");
            }
            let or_none = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            assert_eq!(went.cluster.as_deref(), Some(&*or_none("upstream_cluster")), "{line}");
            assert_eq!(went.flags.as_deref(), Some(&*or_none("response_flags")), "{line}");
            assert_eq!(went.route_name.as_deref(), Some(&*or_none("route_name")), "{line}");
            assert_eq!(line["response_code"], went.status.unwrap());
            let local = or_none("downstream_local_address");
            let (_, port) = local.rsplit_once(':').unwrap();
            let address = request.address.map_or("0.0.0.0".to_owned(), |a| a.to_string());
            assert_eq!((local.starts_with(&address), port.parse().ok()), (true, request.port), "{line}");
            assert_eq!(request.tls, line["requested_server_name"].is_string());
            let peer = line["downstream_remote_address"].as_str().map(|a| a.trim_end_matches(":0").to_owned());
            assert_eq!(client.map(|c| c.to_string()), peer, "{line}");
            requests += 1;
        }
    }
    assert!(requests >= 1000, "{requests}");
}

/// Pieces of all formats, whole and broken, so that random texts get past the first byte.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let whole: Vec<Vec<u8>> = logs()
        .iter()
        .flat_map(|path| {
            let text = std::fs::read(path).expect("the case is readable");
            text.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    prop_oneof![
        4 => proptest::sample::select(whole.clone()),
        1 => (proptest::sample::select(whole), any::<proptest::sample::Index>(), any::<u8>()).prop_map(|(mut line, at, byte)| {
            let at = at.index(line.len());
            line[at] = byte;
            line
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[-0-9\\[\\]{}:\", \t\n\r\\\\a-z/]{0,60}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn cutting_changes_nothing(pieces in proptest::collection::vec(piece(), 1..30), size in 1usize..3000) {
        let text = pieces.concat();
        let authority = Some("shop.example");
        let whole = read(&text, settings(authority, 1 << 20));
        prop_assert_eq!(&read(&text, settings(authority, size)), &whole);
        // No line is counted twice, and none is lost but blank ones. A line of OTLP may hold many requests.
        let (format, lines, unreadable) = whole;
        let many = format == Some(Format::Otlp);
        prop_assert!(lines.is_sorted_by(|a, b| a.0 < b.0 || many && a.0 == b.0));
        let mut numbers: Vec<u64> = lines.iter().map(|(line, _)| *line).collect();
        numbers.dedup();
        if let (Some(format), None) = (format, unreadable)
            && !matches!(format, Format::Csv | Format::Har)
        {
            let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
            let full = text.split(|b| *b == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)).count();
            prop_assert_eq!(numbers.len(), full);
        }
    }
}
