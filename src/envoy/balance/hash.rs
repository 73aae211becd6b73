//! Hashes of hash policies and consistent hashing (envoy-matching 10.4 and 10.6, appendix C).

use crate::order::Order as _;
use twox_hash::XxHash64;

/// XXH64 with seed 0.
#[must_use]
pub(crate) fn xx_hash(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// XXH64 with a seed.
#[must_use]
pub(crate) fn xx_hash_seeded(bytes: &[u8], seed: u64) -> u64 {
    XxHash64::oneshot(seed, bytes)
}

/// The hash of a header policy: of the fields of that name, in any order. Nothing where there is no such field; an empty
/// value counts.
#[must_use]
pub(crate) fn header_hash<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Option<u64> {
    let mut values = values.into_iter();
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(xx_hash(first));
    };
    let mut all = vec![first, second];
    all.extend(values);
    all.order_alike();
    Some(all.into_iter().fold(0, |seed, value| xx_hash_seeded(value, seed)))
}

/// The value of the first cookie called `name` in the given `cookie` fields, without its quotes; an empty one is no
/// cookie. Blanks count, except those before the name.
#[must_use]
pub(crate) fn cookie_value<'v>(fields: impl IntoIterator<Item = &'v [u8]>, name: &[u8]) -> Option<&'v [u8]> {
    let pairs = fields.into_iter().flat_map(|field| field.split(|b| *b == b';'));
    let mut values = pairs.filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        let name_at = pair.iter().position(|b| *b != b' ')?;
        (pair.get(name_at..at)? == name).then(|| pair.get(at + 1..).unwrap_or_default())
    });
    let value = values.next()?;
    let bare = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
    (!bare.is_empty()).then_some(bare)
}

/// The hash of a cookie policy for a request that brings the cookie.
#[must_use]
pub(crate) fn cookie_hash<'v>(fields: impl IntoIterator<Item = &'v [u8]>, name: &[u8]) -> Option<u64> {
    cookie_value(fields, name).map(xx_hash)
}

/// The value of a cookie that Envoy makes for a policy with a `ttl`: 16 hexadecimal digits from the two addresses of the
/// connection, each `ip:port`. The policy's hash is that of this value.
#[must_use]
pub(crate) fn generated_cookie(client: &str, local: &str) -> String {
    format!("{:016x}", xx_hash([client, local].concat().as_bytes()))
}

/// The hash of a source address policy; `ip` is the textual address without port.
#[must_use]
pub(crate) fn source_ip_hash(ip: &str) -> u64 {
    xx_hash(ip.as_bytes())
}

/// The hash of a query parameter policy, of the first parameter called `name`, undecoded; an empty value counts.
#[must_use]
pub(crate) fn query_hash(path: &[u8], name: &[u8]) -> Option<u64> {
    crate::envoy::path::query::first_value(path, name).map(xx_hash)
}

/// One policy's part in the hash of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PolicyHash {
    /// What the policy gave.
    pub hash: Option<u64>,
    /// Whether the list ends here, if there is a hash by then.
    pub terminal: bool,
}

/// The hash of a request under a list of policies. Nothing where none of them gave one: then the pick is random.
#[must_use]
pub(crate) fn combine(policies: impl IntoIterator<Item = PolicyHash>) -> Option<u64> {
    let mut sum: Option<u64> = None;
    for policy in policies {
        if let Some(hash) = policy.hash {
            sum = Some(sum.map_or(hash, |sum| sum.rotate_left(1) ^ hash));
        }
        if policy.terminal && sum.is_some() {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lb_c_xxh64_vectors() {
        let table: &[(&str, u64)] = &[
            ("", 0xef46_db37_51d8_e999),
            ("a", 0xd24e_c4f1_a98c_6e5b),
            ("abc", 0x44bc_2cf5_ad77_0999),
            ("127.0.0.1", 0xc08b_1587_df65_b7a7),
            ("key0", 0x6290_e6bc_61d2_44bb),
            ("key1", 0xadba_2da9_568a_a72d),
            ("alice", 0x73a3_ea48_5f2e_6049),
            ("10.0.0.1:80_0", 0x7504_1381_e737_1a08),
        ];
        for (text, hash) in table {
            assert_eq!(xx_hash(text.as_bytes()), *hash, "{text}");
        }
        let seeded = [("", 0xd5af_ba13_36a3_be4b), ("a", 0xdec2_bc81_c3cd_46c6), ("abc", 0xbea9_ca81_9932_8908)];
        for (text, hash) in seeded {
            assert_eq!(xx_hash_seeded(text.as_bytes(), 1), hash, "{text}");
        }
    }

    #[test]
    fn lb_10_6_the_client_is_hashed_as_its_address_is_written() {
        assert_eq!(source_ip_hash("127.0.0.1"), 0xc08b_1587_df65_b7a7);
    }

    #[test]
    fn lb_10_6_headers() {
        assert_eq!(header_hash([b"b".as_slice(), b"a"]), Some(0x76d9_a191_6ddc_a8e6));
        assert_eq!(header_hash([b"a".as_slice(), b"b"]), Some(0x76d9_a191_6ddc_a8e6));
        assert_eq!(header_hash([b"".as_slice()]), Some(0xef46_db37_51d8_e999));
        assert_eq!(header_hash([]), None);
    }

    #[test]
    fn lb_10_6_combination() {
        let policy = |text: Option<&str>, terminal| PolicyHash { hash: text.map(|t| xx_hash(t.as_bytes())), terminal };
        let (a, b, none) = (policy(Some("a"), false), policy(Some("b"), false), policy(None, false));
        assert_eq!(combine([a, b]), Some(0xdcd8_a342_49eb_432c));
        assert_eq!(combine([none, b]), b.hash);
        assert_eq!(combine([none, none]), None);
        assert_eq!(combine([]), None);
        // A107: a terminal policy without a hash ends the list too, when there is one by then.
        assert_eq!(combine([a, policy(None, true), b]), a.hash);
        assert_eq!(combine([policy(None, true), b]), b.hash);
        assert_eq!(combine([policy(Some("a"), true), b]), a.hash);
    }

    #[test]
    fn lb_10_6_cookies_and_parameters() {
        let fields: [&[u8]; 2] = [b"x=1; n=\"v\"; n=w", b"n=u;m="];
        assert_eq!(cookie_value(fields, b"n"), Some(b"v".as_slice()));
        assert_eq!(cookie_value(fields, b"m"), None);
        assert_eq!(cookie_value(fields, b"y"), None);
        assert_eq!(cookie_hash(fields, b"x"), Some(xx_hash(b"1")));
        assert_eq!(query_hash(b"/a?q=&q=b", b"q"), Some(xx_hash(b"")));
        assert_eq!(query_hash(b"/a?q=%61", b"q"), Some(xx_hash(b"%61")));
        assert_eq!(query_hash(b"/a", b"q"), None);
        assert_eq!(generated_cookie("1.2.3.4:5", "6.7.8.9:80").len(), 16);
    }
}
