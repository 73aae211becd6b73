//! The options of curl: which matter to a request, which are harmless, and which would make another kind of request.

use super::RequestError;

/// What an option means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing, and no argument.
    Flag,
    /// Nothing; has an argument.
    Value,
    /// Nothing, but worth a note.
    FlagNoted(&'static str),
    Compressed,
    ConnectTo,
    Cookie,
    Data,
    DataUrlencoded,
    Form,
    Get,
    Head,
    Header,
    Json,
    Method,
    Bearer,
    PathAsIs,
    Range,
    Referer,
    RequestTarget,
    Resolve,
    Upload,
    Url,
    User,
    UserAgent,
    /// Would make another request than a plain one over HTTP/1.1 or 2.
    Refused(&'static str),
}

/// Options that matter, or that are harmless: long name, short name, meaning.
const OPTIONS: &[(&str, Option<char>, Meaning)] = &[
    ("basic", None, Meaning::Flag),
    ("cacert", None, Meaning::Value),
    ("capath", None, Meaning::Value),
    ("cert", Some('E'), Meaning::Value),
    ("ciphers", None, Meaning::Value),
    ("compressed", None, Meaning::Compressed),
    ("config", Some('K'), Meaning::Refused("options from files are not read")),
    ("connect-timeout", None, Meaning::Value),
    ("connect-to", None, Meaning::ConnectTo),
    ("cookie", Some('b'), Meaning::Cookie),
    ("cookie-jar", Some('c'), Meaning::Value),
    ("data", Some('d'), Meaning::Data),
    ("data-ascii", None, Meaning::Data),
    ("data-binary", None, Meaning::Data),
    ("data-raw", None, Meaning::Data),
    ("data-urlencode", None, Meaning::DataUrlencoded),
    ("dump-header", Some('D'), Meaning::Value),
    ("fail", Some('f'), Meaning::Flag),
    ("fail-with-body", None, Meaning::Flag),
    ("form", Some('F'), Meaning::Form),
    ("get", Some('G'), Meaning::Get),
    ("globoff", Some('g'), Meaning::Flag),
    ("haproxy-protocol", None, Meaning::Refused("the PROXY protocol is not simulated")),
    ("head", Some('I'), Meaning::Head),
    ("header", Some('H'), Meaning::Header),
    ("http1.0", Some('0'), Meaning::Refused("proxies answer HTTP/1.0 with 426")),
    ("http1.1", None, Meaning::Flag),
    ("http2", None, Meaning::FlagNoted("`--http2`: the request is decided as HTTP/1.1, which routes the same")),
    (
        "http2-prior-knowledge",
        None,
        Meaning::FlagNoted("`--http2-prior-knowledge`: the request is decided as HTTP/1.1, which routes the same"),
    ),
    ("include", Some('i'), Meaning::Flag),
    ("insecure", Some('k'), Meaning::Flag),
    ("interface", None, Meaning::Value),
    ("ipv4", Some('4'), Meaning::Flag),
    ("ipv6", Some('6'), Meaning::Flag),
    ("json", None, Meaning::Json),
    ("keepalive-time", None, Meaning::Value),
    ("key", None, Meaning::Value),
    ("limit-rate", None, Meaning::Value),
    ("location", Some('L'), Meaning::FlagNoted("`-L`: redirects are not followed; their Location is shown")),
    ("location-trusted", None, Meaning::FlagNoted("`--location-trusted`: redirects are not followed")),
    ("max-redirs", None, Meaning::Value),
    ("max-time", Some('m'), Meaning::Value),
    ("next", Some(':'), Meaning::Refused("one command line is one request")),
    ("no-buffer", Some('N'), Meaning::Flag),
    ("no-keepalive", None, Meaning::Flag),
    ("no-progress-meter", None, Meaning::Flag),
    ("oauth2-bearer", None, Meaning::Bearer),
    ("output", Some('o'), Meaning::Value),
    ("path-as-is", None, Meaning::PathAsIs),
    ("preproxy", None, Meaning::Refused("the request would go to another proxy")),
    ("progress-bar", Some('#'), Meaning::Flag),
    ("proxy", Some('x'), Meaning::Refused("the request would go to another proxy")),
    ("range", Some('r'), Meaning::Range),
    ("referer", Some('e'), Meaning::Referer),
    ("remote-name", Some('O'), Meaning::Flag),
    ("request", Some('X'), Meaning::Method),
    ("request-target", None, Meaning::RequestTarget),
    ("resolve", None, Meaning::Resolve),
    ("retry", None, Meaning::Value),
    ("retry-delay", None, Meaning::Value),
    ("show-error", Some('S'), Meaning::Flag),
    ("silent", Some('s'), Meaning::Flag),
    ("socks5", None, Meaning::Refused("the request would go to another proxy")),
    ("socks5-hostname", None, Meaning::Refused("the request would go to another proxy")),
    ("stderr", None, Meaning::Value),
    ("tlsv1.2", None, Meaning::Flag),
    ("tlsv1.3", None, Meaning::Flag),
    ("tr-encoding", None, Meaning::Flag),
    ("trace", None, Meaning::Value),
    ("trace-ascii", None, Meaning::Value),
    ("unix-socket", None, Meaning::Refused("sockets of the file system pass no proxy")),
    ("upload-file", Some('T'), Meaning::Upload),
    ("url", None, Meaning::Url),
    ("user", Some('u'), Meaning::User),
    ("user-agent", Some('A'), Meaning::UserAgent),
    ("verbose", Some('v'), Meaning::Flag),
    ("write-out", Some('w'), Meaning::Value),
];

impl Meaning {
    pub(super) fn has_argument(self) -> bool {
        match self {
            Meaning::Flag
            | Meaning::FlagNoted(_)
            | Meaning::Compressed
            | Meaning::Get
            | Meaning::Head
            | Meaning::PathAsIs
            | Meaning::Refused(_) => false,
            Meaning::Value
            | Meaning::ConnectTo
            | Meaning::Cookie
            | Meaning::Data
            | Meaning::DataUrlencoded
            | Meaning::Form
            | Meaning::Header
            | Meaning::Json
            | Meaning::Method
            | Meaning::Bearer
            | Meaning::Range
            | Meaning::Referer
            | Meaning::RequestTarget
            | Meaning::Resolve
            | Meaning::Upload
            | Meaning::Url
            | Meaning::User
            | Meaning::UserAgent => true,
        }
    }
}

/// The option with a one-letter name.
pub(super) fn short_option(letter: char) -> Option<Meaning> {
    OPTIONS.iter().find(|(_, short, _)| *short == Some(letter)).map(|(_, _, meaning)| *meaning)
}

/// The option with a long name, given without its dashes.
pub(super) fn long_option(name: &str) -> Result<Meaning, RequestError> {
    let known = OPTIONS.iter().find(|(long, _, _)| *long == name);
    known.map(|(_, _, meaning)| *meaning).ok_or_else(|| unknown(&format!("--{name}")))
}

/// The error for an option, given with its dashes, that is in no table.
pub(super) fn unknown(option: &str) -> RequestError {
    let error = RequestError::new(format!("curl option `{option}` is not known here"));
    let near = |long: &&str| strsim::jaro_winkler(long, option.trim_start_matches('-'));
    match OPTIONS.iter().map(|(long, _, _)| *long).max_by(|a, b| near(a).total_cmp(&near(b))) {
        Some(long) if near(&long) > 0.88 => error.hint(format!("did you mean `--{long}`?")),
        _ => error.hint("leave it out if it doesn't change the request"),
    }
}
