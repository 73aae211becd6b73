//! ServiceEntry and WorkloadEntry.

use smol_str::SmolStr;

use super::Labels;
use crate::manifest::source::Position;

#[derive(Debug, Clone, Default)]
pub(crate) struct ServiceEntry {
    pub hosts: Vec<SmolStr>,
    pub addresses: Vec<SmolStr>,
    pub ports: Vec<ServiceEntryPort>,
    pub location: Location,
    pub resolution: Resolution,
    pub endpoints: Vec<WorkloadEntry>,
    /// `workloadSelector.labels`.
    pub workload_selector: Option<Labels>,
    pub export_to: Vec<SmolStr>,
    pub subject_alt_names: Vec<SmolStr>,
    /// `status.addresses[].value`, given by Istio's address allocation (SE-5).
    pub status_addresses: Vec<SmolStr>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ServiceEntryPort {
    pub number: i64,
    pub protocol: SmolStr,
    pub name: SmolStr,
    /// 0: not given.
    pub target_port: i64,
    pub at: Position,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Location {
    #[default]
    MeshExternal,
    MeshInternal,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Resolution {
    #[default]
    None,
    Static,
    Dns,
    DnsRoundRobin,
    DynamicDns,
}

/// A WorkloadEntry, or an entry of `endpoints` of a ServiceEntry.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkloadEntry {
    pub address: SmolStr,
    pub ports: Vec<(SmolStr, i64)>,
    pub labels: Labels,
    pub network: SmolStr,
    pub locality: SmolStr,
    /// 0: not given, which counts as 1.
    pub weight: u32,
    pub service_account: SmolStr,
    pub at: Position,
}
