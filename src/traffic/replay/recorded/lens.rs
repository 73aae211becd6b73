//! The points of view that a log's requests are looked at from.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::envoy::router::{CompiledParts, RequestView, Switches};
use crate::istio::clients::{ClassKey, PointsOfView, class_key};
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

    /// Whether its tables are those of another: not only alike.
    fn shares_with(&self, other: &Lens) -> bool {
        let same = |a: &Arc<View>, b: &Arc<View>| Arc::ptr_eq(&a.router, &b.router);
        same(&self.now, &other.now) && self.before.iter().zip(&other.before).all(|(a, b)| same(a, b))
    }

    /// Whether the proxy has a request's host, now or before.
    pub(super) fn serves(&self, request: &Request) -> bool {
        let view = RequestView::from(request);
        std::iter::once(&self.now).chain(&self.before).any(|side| side.router.serves(&view))
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
    /// Where nobody chose any: whom those requests pass, each of which has its host.
    everybody: Option<Everybody>,
}

/// All clients of a mesh.
#[derive(Debug, Default)]
pub(super) struct Everybody {
    pub points: PointsOfView,
    /// The classes that have the tables of each of the lenses' `defaults`.
    of_default: Vec<Vec<usize>>,
}

/// Stands before the name of a class whose requests name no proxy: those that name its first member are that member's alone.
const OF_ALL: &str = "any:";

/// The proxy that is meant by a name under which requests are counted.
pub(super) fn plain(name: &str) -> &str {
    name.strip_prefix(OF_ALL).unwrap_or(name)
}

impl fmt::Debug for Lenses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lenses").field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

impl<'m> Lenses<'m> {
    /// `make` resolves a proxy by its name; None where there is none of that name.
    pub(crate) fn new(defaults: Vec<SmolStr>, make: impl Fn(&str) -> Option<Lens> + Sync + Send + 'm) -> Lenses<'m> {
        Lenses { make: Box::new(make), known: Mutex::default(), defaults, everybody: None }
    }

    /// Looks at a mesh, and at the same as it was before. Proxies that cannot differ share one table. Without `defaults` requests
    /// that name no proxy pass all clients that have their host.
    pub(crate) fn of_meshes(
        defaults: Option<Vec<SmolStr>>,
        (now, before): (&'m Workspace, Option<&'m Workspace>),
        namespace: &'m str,
        switches: &'m Switches,
    ) -> Lenses<'m> {
        let meshes: Vec<&Mesh> = std::iter::once(now).chain(before).map(|w| &w.mesh).collect();
        let parts: Vec<Parts<'_>> = meshes.iter().map(|mesh| Parts::new(mesh)).collect();
        let compiled = CompiledParts::default();
        let known: Mutex<FxHashMap<[ClassKey; 2], Lens>> = Mutex::default();
        let points = before.map_or_else(|| now.points.clone(), |before| now.points_beside(before));
        let of_all = points.clone();
        let everybody = defaults.is_none();
        let mut lenses = Lenses::new(defaults.unwrap_or_default(), move |name| {
            let (proxy, was) = match name.strip_prefix(OF_ALL) {
                Some(class) => {
                    let class = of_all.classes.iter().find(|c| c.proxy.name == class)?;
                    (class.proxy.clone(), class.older().clone())
                }
                None => {
                    let proxy = now.proxy(name, namespace).ok()?;
                    (proxy.clone(), proxy)
                }
            };
            let own = class_key(&proxy, &now.clients, &meshes);
            let former = if was == proxy { own.clone() } else { class_key(&was, &now.clients, &meshes) };
            let key = [own, former];
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(lens) = known.get(&key) {
                return Some(lens.of_alike(&proxy));
            }
            let sides = parts.iter().zip([&proxy, &was]);
            let mut views = sides.map(|(parts, of)| Arc::new(View::sharing(parts, of, switches, &compiled)));
            let made = Lens { now: views.next()?, before: views.next() };
            // Classes that might differ may turn out not to.
            let lens = known.values().find(|other| other.holds_the_same(&made)).map(|other| other.of_alike(&proxy));
            let lens = lens.unwrap_or(made);
            known.insert(key, lens.clone());
            Some(lens)
        });
        if everybody {
            lenses.ask_everybody(points);
        }
        lenses
    }

    /// One of the clients with the same tables is asked for all of them.
    fn ask_everybody(&mut self, points: PointsOfView) {
        let mut heads: Vec<Arc<Lens>> = Vec::new();
        let mut of_default: Vec<Vec<usize>> = Vec::new();
        for (i, proxy) in points.proxies().enumerate() {
            let name = format_smolstr!("{OF_ALL}{}", proxy.name);
            let Some(lens) = self.get(&name) else { continue };
            match heads.iter().zip(&mut of_default).find(|(head, _)| head.shares_with(&lens)) {
                Some((_, classes)) => classes.push(i),
                None => {
                    self.defaults.push(name);
                    heads.push(lens);
                    of_default.push(vec![i]);
                }
            }
        }
        self.everybody = Some(Everybody { points, of_default });
    }

    /// Whether requests that name no proxy pass whoever has their host.
    pub(super) fn ask_for_hosts(&self) -> bool {
        self.everybody.is_some()
    }

    pub(super) fn everybody(&self) -> Option<&PointsOfView> {
        self.everybody.as_ref().map(|everybody| &everybody.points)
    }

    /// The clients that requests pass which are counted under a name; None where that is the name of one proxy.
    pub(super) fn classes(&self, name: &str) -> Option<(&PointsOfView, &[usize])> {
        let everybody = self.everybody.as_ref()?;
        let at = self.defaults.iter().position(|default| default == name)?;
        Some((&everybody.points, everybody.of_default.get(at)?))
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
