//! Who a result holds for.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::{Class, Member};
use crate::envoy::proxy::Proxy;
use crate::order::Ordered as _;

/// The clients that something was found to hold for: those of one class, or of several that agree about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    /// Names of the classes, as `--proxy` takes them; the first one's table was looked at. Empty: all streams together.
    pub classes: Vec<SmolStr>,
    /// How many clients they are; replicas are one.
    pub members: usize,
    /// Namespaces of the members, sorted.
    pub namespaces: Vec<SmolStr>,
    /// All that the run knows of, where it knows several classes.
    pub all: bool,
    /// There are further classes.
    pub partial: bool,
}

impl Audience {
    /// A proxy by itself.
    pub(crate) fn of_proxy(proxy: &Arc<Proxy>) -> Audience {
        Audience::of_classes(&[&Class::of_proxy(proxy)], 0)
    }

    /// The members of some of the classes of a run, which are `of` in all.
    pub(crate) fn of_classes(classes: &[&Class], of: usize) -> Audience {
        let all = || classes.iter().flat_map(|c| &c.members);
        let members = match classes {
            // None of them is there twice.
            [one] => one.members.len(),
            _ => all().collect::<FxHashSet<&Member>>().len(),
        };
        let mut namespaces: Vec<&SmolStr> = all().map(|m| &m.namespace).collect();
        // Most come one after the other, and need no sorting.
        namespaces.dedup();
        let namespaces = namespaces.into_iter().into_set();
        Audience {
            classes: classes.iter().map(|c| c.proxy.name.clone()).collect(),
            members,
            namespaces: namespaces.into_iter().cloned().collect(),
            all: of > 1 && classes.len() == of,
            partial: classes.len() < of,
        }
    }

    /// The first class, which stands for all.
    pub(crate) fn first(&self) -> &str {
        self.classes.first().map(SmolStr::as_str).unwrap_or_default()
    }

    /// Whether it is one client and no more.
    fn is_single(&self) -> bool {
        self.members <= 1 && self.classes.len() <= 1
    }

    #[cfg(feature = "cli")]
    /// Whose it is, where there may be others for whom it is not so: some of the mesh's own clients.
    pub(crate) fn of_some(&self) -> Option<String> {
        self.partial.then(|| self.to_string())
    }

    /// `client` for a single one, else `212 clients in 9 namespaces (pod:shop/web, ...)`: each of the names leads to the same.
    pub(crate) fn subject(&self) -> String {
        if self.is_single() {
            return self.first().to_owned();
        }
        let all = if self.all { "all " } else { "" };
        let (n, s) = (self.members, if self.members == 1 { "" } else { "s" });
        let place = match self.namespaces.as_slice() {
            [one] => one.to_string(),
            several => format!("{} namespaces", several.len()),
        };
        let more = if self.classes.len() > 1 { ", ..." } else { "" };
        let names = if self.all { String::new() } else { format!(" ({}{more})", self.first()) };
        format!("{all}{n} client{s} in {place}{names}")
    }
}

/// `through client` for a single one, else `for 212 clients in 9 namespaces (pod:shop/web, ...)`.
impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_single() { "through" } else { "for" }, self.subject())
    }
}
