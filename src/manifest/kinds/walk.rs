//! One walk over the objects of all kinds: the only list of them.
//!
//! Whoever does the same with every kind (leave out, put back, look for an id) goes this way, so that a kind that is added
//! is left out nowhere.

use super::{Kind, Manifests, Object, ObjectId, ObjectMeta};
use crate::manifest::source::Position;

/// What every object has, whatever its kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'m> {
    pub id: &'m ObjectId,
    pub meta: &'m ObjectMeta,
    pub at: Position,
}

/// Something that is done with the list of each kind.
pub(crate) trait Visit {
    fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>);
}

/// Something that is done with the lists of the same kind in two sets of manifests.
pub(crate) trait VisitBoth {
    fn lists<T: Clone>(&mut self, mine: &mut Vec<Object<T>>, others: &[Object<T>]);
}

/// Calls `$each!` with the lists of all kinds, in the order in which they are told.
macro_rules! every_kind {
    ($each:ident) => {
        $each!(
            virtual_services,
            destination_rules,
            gateways,
            service_entries,
            workload_entries,
            sidecars,
            services,
            pods,
            workloads,
            canaries,
            autoscalers,
            endpoint_slices,
            namespaces,
            nodes,
            secrets,
            peer_authentications,
            request_authentications,
            service_routes
        )
    };
}

impl Manifests {
    /// Every object, kind by kind in input order.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Header<'_>> {
        fn of<T>(objects: &[Object<T>]) -> impl Iterator<Item = Header<'_>> {
            objects.iter().map(|o| Header { id: &o.id, meta: &o.meta, at: o.at })
        }
        macro_rules! chain {
            ($($list:ident),*) => { std::iter::empty()$(.chain(of(&self.$list)))* };
        }
        every_kind!(chain)
    }

    /// Identity and place of every Istio object about routing, kind by kind in input order.
    pub(crate) fn istio_objects(&self) -> impl Iterator<Item = (&ObjectId, Position)> {
        const ABOUT_ROUTING: [Kind; 6] = [
            Kind::VirtualService,
            Kind::DestinationRule,
            Kind::Gateway,
            Kind::ServiceEntry,
            Kind::WorkloadEntry,
            Kind::Sidecar,
        ];
        self.objects().filter(|o| ABOUT_ROUTING.contains(&o.id.kind)).map(|o| (o.id, o.at))
    }

    /// Leaves only the objects that are wanted.
    pub(crate) fn retain(&mut self, wanted: impl FnMut(&ObjectId, Position) -> bool) {
        struct Retain<F>(F);
        impl<F: FnMut(&ObjectId, Position) -> bool> Visit for Retain<F> {
            fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
                objects.retain(|o| (self.0)(&o.id, o.at));
            }
        }
        self.visit(&mut Retain(wanted));
    }

    /// Shows the list of each kind to the visitor.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visit) {
        macro_rules! show {
            ($($list:ident),*) => { $( visitor.list(&mut self.$list); )* };
        }
        every_kind!(show);
    }

    /// Shows the list of each kind beside that of the other manifests.
    pub(crate) fn visit_both(&mut self, others: &Manifests, visitor: &mut impl VisitBoth) {
        macro_rules! show {
            ($($list:ident),*) => { $( visitor.lists(&mut self.$list, &others.$list); )* };
        }
        every_kind!(show);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_of_objects_is_left_out() {
        // Fields are named here, so that a new one has to be thought of.
        let Manifests {
            virtual_services: _,
            destination_rules: _,
            gateways: _,
            service_entries: _,
            workload_entries: _,
            sidecars: _,
            services: _,
            pods: _,
            workloads: _,
            canaries: _,
            autoscalers: _,
            endpoint_slices: _,
            namespaces: _,
            nodes: _,
            secrets: _,
            peer_authentications: _,
            request_authentications: _,
            service_routes: _,
            // Ids alone, and what is no object.
            not_modelled: _,
            mesh_config: _,
            profile: _,
        } = Manifests::default();
        struct Count(usize);
        impl Visit for Count {
            fn list<T: Clone>(&mut self, _: &mut Vec<Object<T>>) {
                self.0 += 1;
            }
        }
        let mut count = Count(0);
        Manifests::default().visit(&mut count);
        assert_eq!(count.0, 18);
    }
}
