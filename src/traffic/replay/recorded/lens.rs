//! The points of view that a log's requests are looked at from.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::envoy::proxy::Proxy;
use crate::envoy::router::{CompiledParts, Switches};
use crate::istio::clients::{ClassKey, class_key};
use crate::istio::mesh::Mesh;
use crate::istio::translate::Parts;
use crate::traffic::replay::View;
use crate::traffic::workspace::Workspace;

/// One proxy, as it is now and, for a what-if, as it was before.
#[derive(Debug, Clone)]
pub(crate) struct Lens {
    pub now: Arc<View>,
    pub before: Option<Arc<View>>,
}

impl Lens {
    /// The same for another proxy of the class.
    fn of_alike(&self, proxy: &Arc<Proxy>) -> Lens {
        let of_alike = |view: &Arc<View>| Arc::new(view.of_alike(proxy));
        Lens { now: of_alike(&self.now), before: self.before.as_ref().map(of_alike) }
    }

    fn holds_the_same(&self, other: &Lens) -> bool {
        let same = |a: &Arc<View>, b: &Arc<View>| a.table().holds_the_same(b.table());
        same(&self.now, &other.now) && self.before.iter().zip(&other.before).all(|(a, b)| same(a, b))
    }
}

type MakeLens<'m> = dyn Fn(&str) -> Option<Lens> + Sync + Send + 'm;

/// The lenses of all proxies, each made when the first request asks for it: a table of a large mesh takes its time.
pub(crate) struct Lenses<'m> {
    make: Box<MakeLens<'m>>,
    known: Mutex<FxHashMap<SmolStr, Option<Arc<Lens>>>>,
    /// Names of the proxies that requests pass which name none; one or more.
    pub defaults: Vec<SmolStr>,
}

impl fmt::Debug for Lenses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lenses").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

impl<'m> Lenses<'m> {
    /// `make` resolves a proxy by its name; None where there is none of that name.
    pub(crate) fn new(defaults: Vec<SmolStr>, make: impl Fn(&str) -> Option<Lens> + Sync + Send + 'm) -> Lenses<'m> {
        Lenses { make: Box::new(make), known: Mutex::default(), defaults }
    }

    /// Looks at a mesh, and at the same as it was before. Proxies that cannot differ share one table.
    pub(crate) fn of_meshes(
        defaults: Vec<SmolStr>,
        (now, before): (&'m Workspace, Option<&'m Workspace>),
        namespace: &'m str,
        switches: &'m Switches,
    ) -> Lenses<'m> {
        let meshes: Vec<&Mesh> = std::iter::once(now).chain(before).map(|w| &w.mesh).collect();
        let parts: Vec<Parts<'_>> = meshes.iter().map(|mesh| Parts::new(mesh)).collect();
        let compiled = CompiledParts::default();
        let known: Mutex<FxHashMap<ClassKey, Lens>> = Mutex::default();
        Lenses::new(defaults, move |name| {
            let proxy = now.proxy(name, namespace).ok()?;
            let key = class_key(&proxy, &now.clients, &meshes);
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(lens) = known.get(&key) {
                return Some(lens.of_alike(&proxy));
            }
            let mut views = parts.iter().map(|parts| Arc::new(View::sharing(parts, &proxy, switches, &compiled)));
            let made = Lens { now: views.next()?, before: views.next() };
            // Classes that might differ may turn out not to.
            let lens = known.values().find(|other| other.holds_the_same(&made)).map(|other| other.of_alike(&proxy));
            let lens = lens.unwrap_or(made);
            known.insert(key, lens.clone());
            Some(lens)
        })
    }

    /// The lens of a proxy; None where there is none of that name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Lens>> {
        // Nothing is left half done where making one panics.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lens) = known.get(name) {
            return lens.clone();
        }
        let made = (self.make)(name).map(Arc::new);
        known.insert(name.into(), made.clone());
        made
    }
}
