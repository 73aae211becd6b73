//! HTTP/1.1 as bytes: requests written exactly as they are given, answers read, and the PROXY protocol before them.

use std::io::{self, BufRead as _, BufReader, Read};
use std::net::{IpAddr, SocketAddr};

use smol_str::SmolStr;

use crate::envoy::request::Request;

/// The largest body that is sent for a `content-length`, in bytes.
const BODY_MAX: usize = 1 << 20;

/// The largest head or body that is read, in bytes.
const ANSWER_MAX: u64 = 16 << 20;

/// The request as it goes over the connection.
///
/// # Errors
/// Why it cannot be written so that its parts arrive as they are given.
pub(super) fn request_bytes(request: &Request) -> Result<Vec<u8>, &'static str> {
    let ends_line = |text: &str| text.contains(['\r', '\n', '\0']);
    if ends_line(&request.method) || request.method.contains(' ') || ends_line(&request.path) {
        return Err("HTTP/1.1 cannot carry this method or path");
    }
    if ends_line(&request.authority) {
        return Err("HTTP/1.1 cannot carry this authority");
    }
    let mut out = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    push_header(&mut out, "Host", &request.authority);
    let mut body = Vec::new();
    for (name, value) in &request.headers {
        if ends_line(name) || name.contains(':') || ends_line(value) {
            return Err("HTTP/1.1 cannot carry one of the headers");
        }
        push_header(&mut out, name, value);
        if name.eq_ignore_ascii_case("content-length")
            && let Ok(length) = value.trim().parse::<usize>()
        {
            if length > BODY_MAX {
                return Err("the body is too large to be sent");
            }
            body = vec![b'x'; length];
        }
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            body = b"0\r\n\r\n".to_vec();
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    Ok(out)
}

fn push_header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Type of the part of a PROXY header that holds the name a TLS client asks for.
pub(super) const TLV_AUTHORITY: u8 = 2;

/// A PROXY protocol header, version 2: who connects, what was dialled, and a server name.
///
/// Both addresses have to be of one family; an IPv4 `from` becomes an IPv6 one beside an IPv6 `to`.
pub(super) fn proxy_header(from: SocketAddr, to: SocketAddr, server_name: Option<&str>) -> Vec<u8> {
    let mut addresses = Vec::new();
    let family = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            addresses.extend_from_slice(&from.octets());
            addresses.extend_from_slice(&to.octets());
            0x11
        }
        (from, to) => {
            let v6 = |address: IpAddr| match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            addresses.extend_from_slice(&v6(from).octets());
            addresses.extend_from_slice(&v6(to).octets());
            0x21
        }
    };
    addresses.extend_from_slice(&from.port().to_be_bytes());
    addresses.extend_from_slice(&to.port().to_be_bytes());
    if let Some(name) = server_name {
        addresses.push(TLV_AUTHORITY);
        addresses.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        addresses.extend_from_slice(name.as_bytes());
    }
    let mut out = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    out.extend_from_slice(&[0x21, family]);
    out.extend_from_slice(&u16::try_from(addresses.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.append(&mut addresses);
    out
}

/// The head of a message: its first line, and its header fields in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub first_line: String,
    /// Names in lower case.
    pub fields: Vec<(SmolStr, String)>,
}

impl Head {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn is_chunked(&self) -> bool {
        self.field("transfer-encoding").is_some_and(|v| v.trim().eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> Option<u64> {
        self.field("content-length").and_then(|v| v.trim().parse().ok())
    }
}

/// Reads a head. None: the connection ended before the first byte, or began with what is no HTTP.
pub(super) fn read_head(from: &mut BufReader<impl Read>) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    let begins_well = from.fill_buf()?.first().is_some_and(u8::is_ascii_alphabetic);
    if !begins_well {
        return Ok(None);
    }
    loop {
        let mut line = Vec::new();
        from.by_ref().take(ANSWER_MAX).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        if head.first_line.is_empty() {
            head.first_line = text;
        } else if text.is_empty() {
            return Ok(Some(head));
        } else if let Some((name, value)) = text.split_once(':') {
            head.fields.push((name.to_ascii_lowercase().into(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }
}

/// Reads the body that follows a head. `until_end`: one without a length goes on to the end of the connection.
pub(super) fn read_body(from: &mut BufReader<impl Read>, head: &Head, until_end: bool) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.is_chunked() {
        loop {
            let mut line = String::new();
            from.by_ref().take(ANSWER_MAX).read_line(&mut line)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(digits, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            from.by_ref().take(size.min(ANSWER_MAX)).read_to_end(&mut body)?;
            line.clear();
            from.by_ref().take(ANSWER_MAX).read_line(&mut line)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match head.length() {
        Some(length) => from.by_ref().take(length.min(ANSWER_MAX)).read_to_end(&mut body)?,
        None if until_end => from.by_ref().take(ANSWER_MAX).read_to_end(&mut body)?,
        None => 0,
    };
    Ok(body)
}

/// An answer as a client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
}

impl Answer {
    /// True where the connection can carry another request.
    pub(super) fn keeps_alive(&self) -> bool {
        !self.head.field("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }
}

/// Reads the answer to one request; `to_head`: the request's method was HEAD. None: the connection was closed without one.
pub(super) fn read_answer(from: &mut BufReader<impl Read>, to_head: bool) -> io::Result<Option<Answer>> {
    loop {
        let Some(head) = read_head(from)? else { return Ok(None) };
        let status = head.first_line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let has_none = to_head || status < 200 || matches!(status, 204 | 304);
        let body = if has_none { Vec::new() } else { read_body(from, &head, true)? };
        return Ok(Some(Answer { status, head, body }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, to_head: bool) -> Option<Answer> {
        read_answer(&mut BufReader::new(text.as_bytes()), to_head).unwrap()
    }

    #[test]
    fn answers_with_every_kind_of_body() {
        let chunked =
            answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false).unwrap();
        assert_eq!((chunked.status, chunked.body.as_slice()), (200, b"abc".as_slice()));
        let sized = answer("HTTP/1.1 404 NF\r\ncontent-length: 2\r\nconnection: close\r\n\r\nabX", false).unwrap();
        assert_eq!((sized.status, sized.body.as_slice(), sized.keeps_alive()), (404, b"ab".as_slice(), false));
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", true).unwrap().body, b"");
        assert_eq!(answer("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\nLocation:  x \r\n\r\n", false).unwrap().status, 204);
        assert_eq!(answer("", false), None);
        assert_eq!(answer("\u{15}\u{3}", false), None);
    }

    #[test]
    fn requests_keep_their_bytes() {
        let (requests, _) = crate::traffic::request_text::parse_json_lines(
            r#"{"authority":"A:80","path":"/a b?é","method":"get","headers":[["X-a"," 1"],["content-length","3"]]}"#,
        );
        let bytes = request_bytes(&requests[0]).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "get /a b?é HTTP/1.1\r\nHost: A:80\r\nX-a:  1\r\ncontent-length: 3\r\n\r\nxxx"
        );
        for line in [
            r#"{"authority":"a","path":"/\n"}"#,
            r#"{"authority":"a\r","path":"/"}"#,
            r#"{"authority":"a","path":"/","headers":[["a","b\nc"]]}"#,
            r#"{"authority":"a","path":"/","headers":[["a:b","c"]]}"#,
        ] {
            assert!(request_bytes(&crate::traffic::request_text::parse_json_lines(line).0[0]).is_err(), "{line}");
        }
    }

    #[test]
    fn proxy_headers_of_both_families() {
        let header = proxy_header("1.2.3.4:5".parse().unwrap(), "10.0.0.1:80".parse().unwrap(), Some("a"));
        assert_eq!(header[12..], [0x21, 0x11, 0, 16, 1, 2, 3, 4, 10, 0, 0, 1, 0, 5, 0, 80, 2, 0, 1, b'a']);
        let header = proxy_header("1.2.3.4:5".parse().unwrap(), "[::1]:80".parse().unwrap(), None);
        assert_eq!((header[13], header.len()), (0x21, 16 + 36));
    }
}
