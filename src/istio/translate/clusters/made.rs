//! The clusters of services, made once for all proxies that get the same.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::locality::{Localities, Place};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{Cluster, Note};
use crate::istio::mesh::{MergedDestinationRule, Service};
use crate::istio::translate::Context;
use crate::istio::translate::parts::{address, address_or_0};

/// The clusters of one service.
#[derive(Debug)]
pub(super) struct ServiceClusters {
    /// Sorted by name, as those in SNI form.
    pub plain: Vec<Arc<Cluster>>,
    pub by_sni: Vec<Arc<Cluster>>,
    pub notes: Vec<Note>,
    /// Its address is the key.
    pub _service: Arc<Service>,
}

/// What clusters are made of, wherever the proxy is: service, DestinationRule, kind of proxy, and whether it passes SNI through.
type Key = (usize, usize, ProxyKind, bool);

/// The clusters of services for proxies of one mesh.
#[derive(Debug, Default)]
pub(crate) struct ClusterParts(Mutex<FxHashMap<Key, Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Nobody looked where the proxy is.
    anywhere: Option<Arc<ServiceClusters>>,
    by_place: FxHashMap<Arc<Place>, Arc<ServiceClusters>>,
}

impl ClusterParts {
    pub(super) fn of(
        &self,
        cx: &Context<'_>,
        service: &Arc<Service>,
        rule: Option<&MergedDestinationRule>,
        sni_form: bool,
        localities: &Localities,
    ) -> Arc<ServiceClusters> {
        let key = (address(&**service), address_or_0(rule), cx.proxy.kind, sni_form);
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key)
            && let Some(made) = known.anywhere.as_ref().or_else(|| known.by_place.get(&localities.place))
        {
            return made.clone();
        }
        localities.looked.set(false);
        let made = Arc::new(ServiceClusters::make(cx, service, rule, sni_form, localities));
        let mut all = lock();
        let known = all.entry(key).or_default();
        if localities.looked.get() {
            known.by_place.entry(localities.place.clone()).or_insert(made).clone()
        } else {
            known.anywhere.get_or_insert(made).clone()
        }
    }
}
