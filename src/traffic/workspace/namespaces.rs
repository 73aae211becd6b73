//! One namespace taken for another (`--map-namespace staging=prod`), so that two environments can be compared.
//!
//! Changed is what names a namespace: metadata, `NAMESPACE/NAME`, `exportTo`, delegates, `sourceNamespace`, and hosts of the cluster
//! (`reviews.staging`, `reviews.staging.svc.cluster.local`). Labels, other hosts and free text stay what they are.

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use crate::manifest::kinds::{
    Destination, HttpMatch, HttpRoute, Kind, Manifests, Object, ObjectId, RouteDestination, Sidecar, VirtualService,
    Visit,
};
use crate::traffic::scenario::Scenario;

/// Which namespace stands for which.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renaming<'a>(pub &'a [(SmolStr, SmolStr)]);

impl Renaming<'_> {
    /// The namespace that is meant.
    pub(super) fn namespace(self, namespace: &SmolStr) -> SmolStr {
        let found = self.0.iter().find(|(from, _)| from == namespace);
        found.map_or_else(|| namespace.clone(), |(_, to)| to.clone())
    }

    /// All that the manifests say of namespaces.
    pub(super) fn manifests(self, manifests: &mut Manifests) {
        if self.0.is_empty() {
            return;
        }
        manifests.visit(&mut Metadata(self));
        for object in &mut manifests.namespaces {
            object.id = object.id.named(self.namespace(&object.id.name));
            self.change(&mut object.meta.name);
        }
        for object in &mut manifests.virtual_services {
            self.virtual_service(&mut object.spec);
        }
        for object in &mut manifests.destination_rules {
            self.host(&mut object.spec.host);
            self.all(&mut object.spec.export_to);
        }
        for server in manifests.gateways.iter_mut().flat_map(|g| &mut g.spec.servers) {
            server.hosts.iter_mut().for_each(|host| self.qualified(host));
        }
        for object in &mut manifests.service_entries {
            object.spec.hosts.iter_mut().for_each(|host| self.host(host));
            self.all(&mut object.spec.export_to);
        }
        for object in &mut manifests.sidecars {
            self.sidecar(&mut object.spec);
        }
        for pod in &mut manifests.pods {
            if let Some(workload) = &mut pod.spec.workload {
                *workload = self.object(workload);
            }
        }
        for service in &mut manifests.services {
            self.host(&mut service.spec.external_name);
        }
        for endpoint in manifests.endpoint_slices.iter_mut().flat_map(|s| &mut s.spec.endpoints) {
            if let Some((namespace, _)) = &mut endpoint.pod {
                self.change(namespace);
            }
        }
        for object in &mut manifests.not_modelled {
            object.id = self.object(&object.id);
        }
        let config = &mut manifests.mesh_config;
        self.change(&mut config.root_namespace);
        self.all(&mut config.default_service_export_to);
        self.all(&mut config.default_virtual_service_export_to);
        self.all(&mut config.default_destination_rule_export_to);
    }

    /// Where a scenario's pods and proxies are.
    pub(super) fn scenario(self, scenario: &mut Scenario) {
        scenario.pods.iter_mut().for_each(|pod| self.change(&mut pod.namespace));
        scenario.proxies.iter_mut().for_each(|proxy| self.change(&mut proxy.namespace));
    }

    fn object(self, id: &ObjectId) -> ObjectId {
        id.in_namespace(self.namespace(&id.namespace))
    }

    fn change(self, namespace: &mut SmolStr) {
        if let Some((_, to)) = self.0.iter().find(|(from, _)| from == namespace) {
            *namespace = to.clone();
        }
    }

    fn all(self, namespaces: &mut [SmolStr]) {
        namespaces.iter_mut().for_each(|namespace| self.change(namespace));
    }

    /// `NAMESPACE/REST`, where the rest may be a host.
    fn qualified(self, text: &mut SmolStr) {
        let (namespace, rest) = match text.split_once('/') {
            Some((namespace, rest)) => (Some(SmolStr::new(namespace)), SmolStr::new(rest)),
            None => (None, text.clone()),
        };
        let mut host = rest;
        self.host(&mut host);
        *text = match namespace {
            Some(namespace) => format_smolstr!("{}/{host}", self.namespace(&namespace)),
            None => host,
        };
    }

    /// A host of the cluster: its second label is the namespace, at the end or before `svc`.
    fn host(self, host: &mut SmolStr) {
        let mut labels = host.splitn(3, '.');
        let (Some(name), Some(namespace), rest) = (labels.next(), labels.next(), labels.next()) else { return };
        let is_of_cluster = rest.is_none_or(|rest| rest == "svc" || rest.starts_with("svc."));
        let Some((_, to)) = self.0.iter().find(|(from, _)| is_of_cluster && from == namespace) else { return };
        let rest = rest.map(|rest| format!(".{rest}")).unwrap_or_default();
        *host = format_smolstr!("{name}.{to}{rest}");
    }

    fn gateways(self, gateways: &mut [SmolStr]) {
        for gateway in gateways {
            if let Some((namespace, name)) = gateway.split_once('/') {
                *gateway = format_smolstr!("{}/{name}", self.namespace(&SmolStr::new(namespace)));
            }
        }
    }

    fn destination(self, destination: Option<&mut Destination>) {
        if let Some(destination) = destination {
            self.host(&mut destination.host);
        }
    }

    fn routes(self, routes: &mut [RouteDestination]) {
        routes.iter_mut().for_each(|route| self.destination(route.destination.as_mut()));
    }

    fn virtual_service(self, vs: &mut VirtualService) {
        vs.hosts.iter_mut().for_each(|host| self.host(host));
        self.gateways(&mut vs.gateways);
        self.all(&mut vs.export_to);
        vs.http.iter_mut().for_each(|route| self.http(Arc::make_mut(route)));
        for route in &mut vs.tls {
            for entry in &mut route.matches {
                self.change(&mut entry.source_namespace);
                self.gateways(&mut entry.gateways);
            }
            self.routes(&mut route.route);
        }
        for route in &mut vs.tcp {
            for entry in &mut route.matches {
                self.change(&mut entry.source_namespace);
                self.gateways(&mut entry.gateways);
            }
            self.routes(&mut route.route);
        }
    }

    fn http(self, route: &mut HttpRoute) {
        for rare in route.matches.iter_mut().filter_map(HttpMatch::rare_mut) {
            self.change(&mut rare.source_namespace);
            self.gateways(&mut rare.gateways);
        }
        route.route.iter_mut().for_each(|r| self.destination(r.destination.as_mut()));
        self.destination(route.mirror.as_deref_mut());
        route.mirrors.iter_mut().for_each(|m| self.destination(m.destination.as_mut()));
        if let Some(delegate) = &mut route.delegate {
            self.change(&mut delegate.namespace);
        }
    }

    fn sidecar(self, sidecar: &mut Sidecar) {
        let hosts = sidecar.egress.iter_mut().flat_map(|listener| &mut listener.hosts);
        hosts.for_each(|host| self.qualified(host));
    }
}

struct Metadata<'a>(Renaming<'a>);

impl Visit for Metadata<'_> {
    fn list<T: Clone>(&mut self, objects: &mut Vec<Object<T>>) {
        for object in objects.iter_mut().filter(|o| o.id.kind != Kind::Namespace) {
            object.id = self.0.object(&object.id);
            self.0.change(&mut object.meta.namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_the_namespace_are_changed_and_no_others() {
        let pairs = [(SmolStr::new("staging"), SmolStr::new("prod"))];
        let renaming = Renaming(&pairs);
        for (host, expected) in [
            ("reviews.staging", "reviews.prod"),
            ("reviews.staging.svc.cluster.local", "reviews.prod.svc.cluster.local"),
            ("*.staging.svc.cluster.local", "*.prod.svc.cluster.local"),
            ("reviews", "reviews"),
            ("staging", "staging"),
            ("api.staging.example.com", "api.staging.example.com"),
            ("reviews.shop.svc.cluster.local", "reviews.shop.svc.cluster.local"),
        ] {
            let mut changed = SmolStr::new(host);
            renaming.host(&mut changed);
            assert_eq!(changed, expected);
        }
        let mut host = SmolStr::new("staging/reviews.staging");
        renaming.qualified(&mut host);
        assert_eq!(host, "prod/reviews.prod");
        let mut host = SmolStr::new("./*");
        renaming.qualified(&mut host);
        assert_eq!(host, "./*");
    }
}
