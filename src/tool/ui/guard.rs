//! Who is answered: whoever has the token, from a page of this server or from none.

/// What a request has to show.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    port: u16,
    /// Letters and digits.
    token: String,
}

impl Guard {
    /// A guard with a token of 128 bits that the system draws.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(super) fn new(port: u16) -> std::io::Result<Guard> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Guard { port, token: bytes.iter().map(|b| format!("{b:02x}")).collect() })
    }

    /// Where the page is.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    /// What stands behind the token in the address of a request that may be answered. `header` gives the value of a header by its
    /// name; of one that comes twice, nothing is right.
    ///
    /// Another page's script may send requests here, by a name of its own that leads to this machine or by this address: the first is
    /// known by its `Host`, the second by its `Origin` or `Sec-Fetch-Site`, and neither knows the token.
    pub(super) fn admits<'u>(&self, url: &'u str, header: impl Fn(&str) -> Option<String>) -> Option<&'u str> {
        let hosts = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", self.port));
        let host = header("host")?;
        let own_origin = format!("http://{host}");
        let is_here = hosts.contains(&host);
        let is_own = header("origin").is_none_or(|origin| origin == own_origin);
        let is_asked_here = header("sec-fetch-site").is_none_or(|site| matches!(site.as_str(), "same-origin" | "none"));
        let path = url.split_once('?').map_or(url, |(path, _)| path);
        let (token, rest) = path.strip_prefix('/')?.split_once('/')?;
        (is_here && is_own && is_asked_here && is_same(token, &self.token)).then_some(rest)
    }
}

/// Whether two texts are equal, in a time that tells nothing of where they differ.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_page_is_answered() {
        let guard = Guard { port: 4000, token: "abc".to_owned() };
        let ask = |url: &'static str, headers: &[(&str, &str)]| {
            guard.admits(url, |name| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        let host = ("host", "127.0.0.1:4000");
        assert_eq!(ask("/abc/", &[host]), Some(""));
        assert_eq!(ask("/abc/api/state?since=1", &[host, ("origin", "http://127.0.0.1:4000")]), Some("api/state"));
        assert_eq!(
            ask("/abc/main.mjs", &[("host", "localhost:4000"), ("sec-fetch-site", "same-origin")]),
            Some("main.mjs")
        );
        for (url, headers) in [
            ("/", &[host][..]),
            ("/abc", &[host]),
            ("/abd/", &[host]),
            ("/abcd/", &[host]),
            ("//abc/", &[host]),
            ("/abc/", &[]),
            ("/abc/", &[("host", "127.0.0.1")]),
            ("/abc/", &[("host", "evil.example:4000")]),
            ("/abc/", &[host, ("origin", "http://evil.example")]),
            ("/abc/", &[host, ("origin", "null")]),
            ("/abc/", &[host, ("origin", "https://127.0.0.1:4000")]),
            ("/abc/", &[host, ("sec-fetch-site", "cross-site")]),
            ("/abc/", &[host, ("sec-fetch-site", "same-site")]),
        ] {
            assert_eq!(ask(url, headers), None, "{url} {headers:?}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let [a, b] = [0, 0].map(|_| Guard::new(1).expect("randomness").token);
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
    }
}
