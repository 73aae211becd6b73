//! Conditions that go beyond a single value: the CEL rules of the resource definitions.

use super::Checker;
use crate::manifest::kinds;
use crate::manifest::yaml::Node;

/// Entries of a list, with their numbers.
fn items<'n, 't>(node: &'n Node<'t>) -> impl Iterator<Item = (usize, &'n Node<'t>)> {
    node.as_seq().unwrap_or_default().iter().enumerate()
}

/// The field, if it is given.
fn given<'n, 't>(node: &'n Node<'t>, name: &str) -> Option<&'n Node<'t>> {
    node.get(name).filter(|value| !value.is_null())
}

/// RFC 3339, as the API server wants its timestamps.
pub(super) fn timestamp(checker: &mut Checker<'_>, node: &Node<'_>) {
    if let Some(text) = node.as_str()
        && kinds::timestamp(text).is_none()
    {
        checker.refuse(node.span, format!("`{text}` is not a timestamp")).hint =
            Some("write it as `2024-05-31T12:00:00Z`".to_owned());
    }
}

/// DestinationRule `workloadSelector.matchLabels`: no `*` in keys and values, no empty key.
pub(super) fn no_wildcard_labels(checker: &mut Checker<'_>, node: &Node<'_>) {
    for entry in node.as_map().unwrap_or_default() {
        let message = if entry.key.is_empty() {
            "the label key is empty"
        } else if entry.key.contains('*') {
            "a wildcard in a label key is not supported"
        } else {
            continue;
        };
        checker.under_key(&entry.key, |this| {
            this.refuse(entry.key_span, message);
        });
    }
    no_wildcard_values(checker, node);
}

/// `workloadSelector.labels`: no `*` in values.
pub(super) fn no_wildcard_values(checker: &mut Checker<'_>, node: &Node<'_>) {
    for entry in node.as_map().unwrap_or_default() {
        if entry.value.as_str().is_some_and(|value| value.contains('*')) {
            checker.under_key(&entry.key, |this| {
                this.refuse(entry.value.span, "a wildcard in a label value is not supported").hint =
                    Some("selectors compare whole values; list the label without `*`".to_owned());
            });
        }
    }
}

/// ServiceEntry `hosts`: no entry is `*` alone.
pub(super) fn no_bare_wildcard(checker: &mut Checker<'_>, node: &Node<'_>) {
    for (index, host) in items(node) {
        if host.as_str() == Some("*") {
            checker.under_index(index, |this| {
                this.refuse(host.span, "the host `*` is not allowed in a ServiceEntry").hint =
                    Some("name a domain, such as `*.example.com`".to_owned());
            });
        }
    }
}

/// A port number from 1 on.
pub(super) fn port_in_range(checker: &mut Checker<'_>, node: &Node<'_>) {
    // Values beyond 32 bits were reported already.
    if let Some(port) = node.as_i64()
        && (0..=i64::from(u32::MAX)).contains(&port)
        && !(1..=65535).contains(&port)
    {
        checker.refuse(node.span, format!("port `{port}` is not within 1 to 65535"));
    }
}

/// ServiceEntry `ports`: names and numbers are unique.
pub(super) fn distinct_service_ports(checker: &mut Checker<'_>, node: &Node<'_>) {
    let mut names = rustc_hash::FxHashSet::default();
    let mut numbers = rustc_hash::FxHashSet::default();
    for (index, port) in items(node) {
        checker.under_index(index, |this| {
            if let Some(name) = given(port, "name")
                && let Some(text) = name.as_str()
                && !names.insert(text)
            {
                this.under_key("name", |this| {
                    this.refuse(name.span, format!("port name `{text}` is given twice"));
                });
            }
            if let Some(number) = given(port, "number")
                && let Some(value) = number.as_i64()
                && !numbers.insert(value)
            {
                this.under_key("number", |this| {
                    this.refuse(number.span, format!("port number `{value}` is given twice"));
                });
            }
        });
    }
}

/// ServiceEntry: what `resolution` permits, and `endpoints` against `workloadSelector`.
pub(super) fn service_entry(checker: &mut Checker<'_>, node: &Node<'_>) {
    let resolution = given(node, "resolution").map_or(Some("NONE"), Node::as_str).unwrap_or_default();
    let endpoints = given(node, "endpoints");
    if let (Some(selector), Some(_)) = (given(node, "workloadSelector"), endpoints) {
        checker.under_key("workloadSelector", |this| {
            this.refuse_as("M402", selector.span, "only one of `workloadSelector` and `endpoints` can be given");
        });
    }
    checker.under_key("endpoints", |this| {
        let Some(endpoints) = endpoints else { return };
        if resolution == "NONE" {
            this.refuse_as("M405", endpoints.span, "`endpoints` cannot be given with resolution NONE").hint =
                Some("set `resolution: STATIC` or `DNS`".to_owned());
        }
        if resolution == "DNS_ROUND_ROBIN" && endpoints.as_seq().is_some_and(|list| list.len() > 1) {
            this.refuse_as("M406", endpoints.span, "resolution DNS_ROUND_ROBIN takes one endpoint");
        }
    });
    if !matches!(resolution, "NONE" | "STATIC")
        && let Some(addresses) = given(node, "addresses")
    {
        let is_range = |address: &Node<'_>| address.as_str().is_some_and(|text| text.contains('/'));
        checker.under_key("addresses", |this| {
            for (index, range) in items(addresses).filter(|(_, address)| is_range(address)) {
                let message = format!("an address range cannot be given with resolution {resolution}");
                this.under_index(index, |this| {
                    this.refuse_as("M403", range.span, message);
                });
            }
        });
    }
}

/// WorkloadEntry and ServiceEntry endpoints: an address or a network is there; a unix socket has no ports.
pub(super) fn workload_entry(checker: &mut Checker<'_>, node: &Node<'_>) {
    let address = given(node, "address");
    if address.is_none() && given(node, "network").is_none() {
        checker.refuse(node.span, "`address` is missing").hint =
            Some("only an entry with a `network` can do without".to_owned());
    }
    if let Some(ports) = given(node, "ports")
        && address.and_then(Node::as_str).is_some_and(|text| text.starts_with("unix://"))
    {
        checker.under_key("ports", |this| {
            this.refuse(ports.span, "a unix socket has no ports");
        });
    }
}

/// A unix address is an absolute path or an abstract socket, and no folder.
pub(super) fn unix_address(checker: &mut Checker<'_>, node: &Node<'_>) {
    let Some(path) = node.as_str().and_then(|text| text.strip_prefix("unix://")) else { return };
    if !path.starts_with(['/', '@']) {
        checker.refuse(node.span, "a unix socket needs an absolute path, or `@` and a name");
    } else if path.ends_with('/') {
        checker.refuse(node.span, "a unix socket cannot be a folder");
    }
}

/// `ports` of a WorkloadEntry: names are DNS labels (in either case), numbers are ports.
pub(super) fn entry_ports(checker: &mut Checker<'_>, node: &Node<'_>) {
    for entry in node.as_map().unwrap_or_default() {
        let key = entry.key.as_bytes();
        let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let is_label = key.len() < 63
            && key.iter().all(is_inner)
            && key.first().is_some_and(u8::is_ascii_alphanumeric)
            && key.last().is_some_and(u8::is_ascii_alphanumeric);
        checker.under_key(&entry.key, |this| {
            if !is_label {
                this.refuse(entry.key_span, format!("`{}` is not a port name", entry.key));
            }
            port_in_range(this, &entry.value);
        });
    }
}
