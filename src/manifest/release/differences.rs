//! The table of what differs from release to release. `docs/rules/versions/` describes each row.

use super::{Flags, Release};

/// One behaviour that newer releases have and older ones have not. Where a rule came in steps, each step is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Difference {
    UnreadyEndpoints,
    PrefixRewrite,
    SidecarExclusions,
    MeshTrafficPolicy,
    DynamicDnsModeIsRead,
    DynamicDnsMode,
    DefaultExportLists,
    BestServiceNamespace,
    DynamicDnsForTls,
    DynamicDnsClusters,
    ConnectStrategy,
    GentleWarmup,
    RetryBudgetPercent,
    RetryBudgetOfSubsets,
    BudgetInterval,
    SniffedRanges,
    ServiceEntryVisibility,
    ConnectionSettings,
    NewPolicyFields,
    BackendUtilization,
    ServerTlsFields,
    ServerTlsCurves,
    ExactHostsByIndex,
    AddressFamilies,
    LocalityLabel,
    BodyBytes,
    UnorderedAddresses,
    NamespaceTrafficDistribution,
    HeadersIndividually,
    DotSegmentsWithParameters,
    RegexBytes,
    InspectorWithoutMSearch,
    InspectorTakesTokens,
    QueryMethod,
}

impl Difference {
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// Its row of the table.
    pub(crate) fn row(self) -> &'static Row {
        // A test holds that every difference has a row.
        rows().iter().find(|row| row.difference == self).unwrap_or(&ROWS[0])
    }
}

/// A flag of Istiod that puts a difference back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag {
    pub name: &'static str,
    /// The newest release of whose compatibility profile the flag is a part.
    compatible_up_to: Release,
}

/// One difference with all that is known of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub difference: Difference,
    /// The rule that describes it.
    pub id: &'static str,
    /// The first release of each line that has it; older lines than the first don't, newer ones than the last do.
    pub from: &'static [Release],
    /// None: nothing puts it back but the older release.
    pub flag: Option<Flag>,
    /// The rule of the newest behaviour that it belongs to.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for readers of the table, and held against the rules by a test")
    )]
    pub rule: &'static str,
    /// What the newer release does, in one line.
    pub title: &'static str,
}

impl Row {
    /// Whether a release as it is installed behaves so.
    pub(super) fn is_in(&self, release: Release) -> bool {
        let known = self.from.iter().rev().find(|from| from.minor() <= release.minor());
        known.is_some_and(|from| from.minor() < release.minor() || from.patch() <= release.patch())
    }

    /// Whether a flag, or the installer's compatibility profile, puts the older behaviour back.
    pub(super) fn is_put_back(&self, compatibility: Option<Release>, flags: &Flags) -> bool {
        let Some(flag) = self.flag else { return false };
        match flags.get(flag.name) {
            Some(on) => !on,
            None => compatibility.is_some_and(|c| c.minor() <= flag.compatible_up_to.minor()),
        }
    }
}

/// All differences, in the order of their rules.
pub(crate) fn rows() -> &'static [Row] {
    &ROWS
}

const V1_29: Release = Release::new(29, 0);
const V1_30: Release = Release::new(30, 0);
const V1_31: Release = Release::new(31, 0);
const MASTER: Release = Release::master();

const fn row(
    difference: Difference,
    id: &'static str,
    from: &'static [Release],
    rule: &'static str,
    title: &'static str,
) -> Row {
    Row { difference, id, from, flag: None, rule, title }
}

impl Row {
    const fn flag(mut self, name: &'static str, compatible_up_to: Release) -> Row {
        self.flag = Some(Flag { name, compatible_up_to });
        self
    }
}

use Difference::*;

static ROWS: [Row; 34] = [
    row(UnreadyEndpoints, "VE-1", &[V1_31], "EP-6", "unready endpoints are sent, as UNHEALTHY")
        .flag("PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS", V1_30),
    row(PrefixRewrite, "VE-2", &[V1_31], "RD-1", "redirects can replace a prefix of the path"),
    row(SidecarExclusions, "VE-3", &[V1_31], "SC-5", "`~` in the hosts of a Sidecar excludes"),
    row(MeshTrafficPolicy, "VE-4", &[V1_31], "CL-4", "the mesh has a default traffic policy"),
    row(DynamicDnsModeIsRead, "VE-5", &[V1_30], "VH-14", "a mesh configuration with ALLOW_ANY_DYNAMIC_DNS is read"),
    row(DynamicDnsMode, "VE-5", &[V1_31], "VH-14", "ALLOW_ANY_DYNAMIC_DNS lets unknown hosts out by their name"),
    row(
        DefaultExportLists,
        "VE-6",
        &[Release::new(30, 3)],
        "EX-2",
        "all names of a default `exportTo` count, not `.` and `*` alone",
    ),
    row(
        BestServiceNamespace,
        "VE-7",
        &[V1_30],
        "SC-8",
        "a destination host in several namespaces means the Kubernetes service, else the oldest entry",
    )
    .flag("PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE", V1_29),
    row(DynamicDnsForTls, "VE-8", &[V1_29], "DP-6", "resolution DYNAMIC_DNS takes TLS"),
    row(DynamicDnsClusters, "VE-8", &[V1_30], "DP-6", "sidecars and gateways have clusters for resolution DYNAMIC_DNS"),
    row(ConnectStrategy, "VE-9", &[V1_30], "SE-4", "the annotation `istio.io/connect-strategy` is read"),
    row(GentleWarmup, "VE-10", &[V1_31], "VA-1", "an aggression of the warm-up below 1 is admitted"),
    row(
        RetryBudgetPercent,
        "VE-11",
        &[Release::new(28, 6), Release::new(29, 2)],
        "CL-6",
        "a retry budget without percent allows 20 % and not 0.2 %",
    ),
    row(
        RetryBudgetOfSubsets,
        "VE-11",
        &[Release::new(29, 2)],
        "CL-3",
        "retry budgets count for subsets with a policy of their own",
    ),
    row(BudgetInterval, "VE-11", &[V1_31], "CL-6", "a retry budget has an interval"),
    row(
        SniffedRanges,
        "VE-12",
        &[MASTER],
        "LI-3",
        "a further service without protocol on a port has chains for its address range",
    ),
    row(ServiceEntryVisibility, "VE-13", &[V1_31], "EX-6", "the mesh can narrow who sees ServiceEntries"),
    row(
        ConnectionSettings,
        "VE-14",
        &[V1_31],
        "EV-1",
        "`connectionSettings` overrides how paths and headers are cleaned",
    ),
    row(
        NewPolicyFields,
        "VE-15",
        &[V1_31],
        "VA-1",
        "DestinationRules have fields for zones, keep-alive and error codes, and are refused for wrong ones",
    ),
    row(
        BackendUtilization,
        "VE-15",
        &[MASTER],
        "VA-1",
        "DestinationRules have `backendUtilization`, which excludes `simple` and `consistentHash`",
    ),
    row(ServerTlsFields, "VE-15", &[V1_31], "VA-1", "Gateways have `tls.insecureSkipVerify`"),
    row(ServerTlsCurves, "VE-15", &[MASTER], "VA-1", "Gateways have `tls.ecdhCurves`"),
    row(
        ExactHostsByIndex,
        "VE-16",
        &[V1_31],
        "SC-6",
        "a Sidecar listener with exact hosts imports one service for each",
    ),
    row(AddressFamilies, "VE-17", &[V1_30], "VH-10", "an IPv6 address is no domain for an IPv4 proxy"),
    row(LocalityLabel, "VE-18", &[V1_29], "EP-2", "the label `topology.istio.io/locality` tells where a workload is"),
    row(BodyBytes, "VE-19", &[V1_29], "DI-1", "an empty `bytes` of a direct response is refused"),
    row(UnorderedAddresses, "VE-20", &[V1_30], "SE-2", "the addresses of one ServiceEntry come in any order"),
    row(
        NamespaceTrafficDistribution,
        "VE-21",
        &[V1_30],
        "EP-15",
        "services inherit the traffic distribution of their namespace",
    ),
    row(HeadersIndividually, "VE-E1", &[V1_31], "envoy-matching 3.1", "repeated headers are matched one by one"),
    row(DotSegmentsWithParameters, "VE-E2", &[V1_31], "envoy-matching 2.6", "`/..;x` is a dot segment"),
    row(RegexBytes, "VE-E3", &[V1_31], "envoy-matching 2.3", "regexes see bytes"),
    row(InspectorWithoutMSearch, "VE-E4", &[V1_30], "envoy-matching 0.7", "`M-SEARCH` is not taken for HTTP"),
    row(
        InspectorTakesTokens,
        "VE-E4",
        &[V1_31],
        "envoy-matching 0.7",
        "any token is taken for the method of an HTTP request",
    ),
    row(QueryMethod, "VE-E5", &[MASTER], "envoy-matching 0.7", "the method QUERY is known"),
];
