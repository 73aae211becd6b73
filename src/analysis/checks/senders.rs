//! Which rules name a subset, and whether any request gets to them.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::subject::Subject;
use super::walk::{Part, targets};
use crate::manifest::kinds::{Object, VirtualService};

/// A destination or mirror that names a subset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    vs: &'a Object<VirtualService>,
    part: Part,
    rule: usize,
    /// False for mirrors, and where its weight keeps every request away.
    pub gets_requests: bool,
}

impl Sender<'_> {
    /// False where it is proven that earlier rules take everything. A delegate's rule counts as reached.
    pub(super) fn is_reached(&self, subject: &Subject<'_>) -> bool {
        self.part != Part::Http || subject.reached.contain(&self.vs.id, self.rule)
    }
}

/// The senders of each full host and subset.
#[derive(Debug, Default)]
pub(super) struct Senders<'a> {
    all: FxHashMap<(SmolStr, SmolStr), Vec<Sender<'a>>>,
}

impl<'a> Senders<'a> {
    pub(super) fn new(subject: &Subject<'a>) -> Senders<'a> {
        let mut all: FxHashMap<_, Vec<Sender<'_>>> = FxHashMap::default();
        for vs in &subject.manifests.virtual_services {
            for t in targets(&vs.spec).into_iter().filter(|t| !t.destination.subset.is_empty()) {
                let host = subject.fqdn(&t.destination.host, &vs.meta.namespace);
                let gets_requests = t.gets_traffic && !t.is_mirror();
                let sender = Sender { vs, part: t.part, rule: t.rule, gets_requests };
                all.entry((host, t.destination.subset.clone())).or_default().push(sender);
            }
        }
        Senders { all }
    }

    pub(super) fn of(&self, host: &SmolStr, subset: &SmolStr) -> &[Sender<'a>] {
        self.all.get(&(host.clone(), subset.clone())).map_or(&[], Vec::as_slice)
    }
}
