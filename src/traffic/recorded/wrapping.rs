//! What tools put around a proxy's lines, and the lines that a proxy writes between those of its access log.

use std::borrow::Cow;

use serde::Deserialize;

use super::Fault;
use super::access_log_json::Text;

/// What the beginning of a line says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A message of the proxy itself begins.
    OwnMessage,
    /// An entry may begin.
    Entry,
    /// Nothing: behind a message, its continuation.
    Neither,
}

/// Takes off what `kubectl logs --prefix --timestamps`, a container runtime's files (CRI) and Docker's put around a line.
/// Gives the line and how many bytes stood before it (0 in Docker's JSON, where columns mean nothing).
pub(super) fn unwrap(line: &str) -> Result<(Cow<'_, str>, usize), Fault> {
    let mut rest = line;
    if rest.starts_with("[pod/")
        && let Some((_, behind)) = rest.split_once("] ")
    {
        rest = behind;
    }
    if is_time_at(rest.as_bytes(), b'T')
        && let Some((time, behind)) = rest.split_once(' ')
        && is_time(time)
    {
        rest = behind;
        if let Some(tagged) = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr ")) {
            rest = match tagged.split_once(' ') {
                Some(("P", _)) => return Err(Fault::new("the container runtime cut this line into parts")),
                Some((_, behind)) => behind,
                None => "",
            };
        }
    }
    if rest.starts_with("{\"log\":\"") {
        #[derive(Deserialize)]
        struct Docker<'a> {
            #[serde(borrow)]
            log: Text<'a>,
        }
        let Docker { log: Text(log) } = serde_json::from_str(rest).map_err(|e| super::access_log_json::fault(&e))?;
        return Ok((Cow::Owned(log.trim_end_matches(['\r', '\n']).to_owned()), 0));
    }
    Ok((Cow::Borrowed(rest), line.len() - rest.len()))
}

/// What an unwrapped line begins.
pub(super) fn mark(line: &str) -> Mark {
    match line.as_bytes() {
        // Envoy's own: `[2026-03-01 12:00:00.000][7][info]...`.
        [b'[', time @ ..] if is_time_at(time, b' ') => Mark::OwnMessage,
        [b'[' | b'{', ..] => Mark::Entry,
        // The agent's: a time, a tab and the level.
        time if is_time_at(time, b'T') && line.split_once('\t').is_some_and(|(time, _)| is_time(time)) => {
            Mark::OwnMessage
        }
        _ => Mark::Neither,
    }
}

/// Whether a wrapped line belongs to a message of the proxy's; `before`: whether the one before it did.
pub(super) fn is_of_own_message(line: &str, before: bool) -> bool {
    match unwrap(line).map_or(Mark::Entry, |(inner, _)| mark(&inner)) {
        Mark::OwnMessage => true,
        Mark::Entry => false,
        Mark::Neither => before,
    }
}

/// True if the last lines of `bytes`, which are whole lines, are a message of the proxy's; `before`: what came before.
pub(super) fn ends_in_own_message(bytes: &[u8], before: bool) -> bool {
    let mut end = bytes.len();
    while end > 0 {
        let start = memchr::memrchr(b'\n', bytes.get(..end - 1).unwrap_or_default()).map_or(0, |at| at + 1);
        let line = String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default());
        let line = line.trim_end_matches(['\r', '\n']);
        match unwrap(line).map_or(Mark::Entry, |(inner, _)| mark(&inner)) {
            Mark::OwnMessage => return true,
            Mark::Entry => return false,
            Mark::Neither => end = start,
        }
    }
    before
}

/// True for an RFC 3339 time.
fn is_time(text: &str) -> bool {
    text.len() <= "2026-03-01T12:00:00.000000000+00:00".len() && is_time_at(text.as_bytes(), b'T')
}

/// True if the bytes begin with a date and a time of day.
fn is_time_at(bytes: &[u8], separator: u8) -> bool {
    let Some(time) = bytes.first_chunk::<19>() else { return false };
    time.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => *byte == separator,
        other => byte == other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappings_come_off() {
        for wrapped in [
            "[x] y",
            "[pod/gw-1/istio-proxy] [x] y",
            "2026-03-01T12:00:00.123456789Z [x] y",
            "[pod/gw-1/istio-proxy] 2026-03-01T12:00:00+01:00 [x] y",
            "2026-03-01T12:00:00.123456789Z stdout F [x] y",
            r#"{"log":"[x] y\n","stream":"stdout","time":"2026-03-01T12:00:00Z"}"#,
        ] {
            assert_eq!(unwrap(wrapped).unwrap().0, "[x] y", "{wrapped}");
        }
        assert_eq!(unwrap("2026-03-01T12:00:00Z [x] y").unwrap().1, 21);
        assert!(unwrap("2026-03-01T12:00:00Z stdout P [x").is_err());
        let agents = "2026-03-01T12:00:00.000000Z\tinfo\tready";
        assert_eq!(unwrap(agents).unwrap().0, agents);
    }

    #[test]
    fn own_messages_go_on_until_an_entry_begins() {
        let agents = "2026-03-01T12:00:00.000000Z\tinfo\tEffective config: a";
        assert_eq!(mark(agents), Mark::OwnMessage);
        assert_eq!(mark("[2026-03-01 12:00:00.000][7][info] x"), Mark::OwnMessage);
        assert_eq!(mark("[2026-03-01T12:00:00.000Z] \"GET"), Mark::Entry);
        assert_eq!(mark("binaryPath: x"), Mark::Neither);
        for (lines, before, after) in [
            (format!("[a\n{agents}\nb: 1\nc: 2\n"), false, true),
            (format!("{agents}\nb: 1\n[a\nc: 2\n"), true, false),
            ("b: 1\n\n".to_owned(), true, true),
            ("b: 1".to_owned(), false, false),
        ] {
            assert_eq!(ends_in_own_message(lines.as_bytes(), before), after, "{lines}");
        }
    }
}
