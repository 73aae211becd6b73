//! Cluster and ClusterLoadAssignment.

use super::Object;
use crate::envoy::table::{
    CircuitBreakers, Cluster, DiscoveryType, Endpoint, Health, HttpProtocolOptions, LbPolicy, OutlierDetection,
    UpstreamProtocol,
};

/// Thresholds that limit nothing are written as the largest number.
const UNLIMITED: u32 = u32::MAX;

/// Endpoints come in a load assignment of their own.
pub(super) fn is_eds(c: &Cluster) -> bool {
    c.discovery == DiscoveryType::Eds
}

pub(super) fn cluster(o: &mut Object<'_>, c: &Cluster) {
    o.text("name", &c.name);
    match c.discovery {
        DiscoveryType::DynamicForwardProxy => o.object("cluster_type", |o| {
            o.str("name", "envoy.clusters.dynamic_forward_proxy");
            o.object("typed_config", |o| {
                o.str("@type", "type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig");
                o.object("dns_cache_config", |o| {
                    o.str("name", "towtank");
                    o.str("dns_lookup_family", "V4_ONLY");
                });
            });
        }),
        DiscoveryType::Eds => o.str("type", "EDS"),
        DiscoveryType::StrictDns => o.str("type", "STRICT_DNS"),
        DiscoveryType::LogicalDns => o.str("type", "LOGICAL_DNS"),
        DiscoveryType::OriginalDst => o.str("type", "ORIGINAL_DST"),
        DiscoveryType::Static => o.str("type", "STATIC"),
    }
    if is_eds(c) {
        o.object("eds_cluster_config", |o| {
            o.object("eds_config", |o| {
                o.object("ads", |_| {});
                o.str("resource_api_version", "V3");
            });
            o.text("service_name", &c.name);
        });
    }
    o.text("connect_timeout", c.connect_timeout.to_proto());
    match c.lb {
        LbPolicy::RoundRobin => o.str("lb_policy", "ROUND_ROBIN"),
        LbPolicy::LeastRequest => o.str("lb_policy", "LEAST_REQUEST"),
        LbPolicy::Random => o.str("lb_policy", "RANDOM"),
        LbPolicy::ClusterProvided => o.str("lb_policy", "CLUSTER_PROVIDED"),
        LbPolicy::RingHash { minimum_ring_size } => {
            o.str("lb_policy", "RING_HASH");
            if let Some(size) = minimum_ring_size {
                o.object("ring_hash_lb_config", |o| o.number("minimum_ring_size", size));
            }
        }
        LbPolicy::Maglev { table_size } => {
            o.str("lb_policy", "MAGLEV");
            if let Some(size) = table_size {
                o.object("maglev_lb_config", |o| o.number("table_size", size));
            }
        }
    }
    if c.name.parts().is_some() || c.circuit_breakers != CircuitBreakers::default() {
        o.object("circuit_breakers", |o| o.objects("thresholds", [&c.circuit_breakers], thresholds));
        o.object("common_lb_config", |o| {
            o.object("healthy_panic_threshold", |o| {
                if c.healthy_panic_threshold > 0 {
                    o.float("value", f64::from(c.healthy_panic_threshold));
                }
            });
        });
    }
    if let Some(d) = &c.outlier_detection {
        o.object("outlier_detection", |o| outlier_detection(o, d));
    }
    let by_name = matches!(c.discovery, DiscoveryType::StrictDns | DiscoveryType::LogicalDns);
    if by_name {
        o.str("dns_lookup_family", "V4_ONLY");
    }
    if by_name || c.discovery == DiscoveryType::Static && !c.endpoints.is_empty() {
        o.object("load_assignment", |o| load_assignment(o, c));
    }
    protocol_options(o, &c.http);
    if let Some(rule) = &c.destination_rule {
        o.object("metadata", |o| {
            o.object("filter_metadata", |o| {
                o.object("istio", |o| {
                    o.text(
                        "config",
                        format_args!(
                            "/apis/networking.istio.io/v1/namespaces/{}/destination-rule/{}",
                            rule.object.namespace, rule.object.name
                        ),
                    );
                });
            });
        });
    }
}

fn thresholds(o: &mut Object<'_>, t: &CircuitBreakers) {
    o.number("max_connections", t.max_connections.unwrap_or(UNLIMITED));
    o.number("max_pending_requests", t.max_pending_requests.unwrap_or(UNLIMITED));
    o.number("max_requests", t.max_requests.unwrap_or(UNLIMITED));
    o.number("max_retries", t.max_retries.unwrap_or(UNLIMITED));
    o.bool("track_remaining", true);
    if let Some(b) = t.retry_budget {
        o.object("retry_budget", |o| {
            o.object("budget_percent", |o| o.float("value", b.percent));
            o.number("min_retry_concurrency", b.min_retry_concurrency);
            if let Some(interval) = b.interval {
                o.text("budget_interval", interval.to_proto());
            }
        });
    }
}

fn outlier_detection(o: &mut Object<'_>, d: &OutlierDetection) {
    fn enforcing(threshold: u32) -> u32 {
        if threshold > 0 { 100 } else { 0 }
    }
    if let Some(n) = d.consecutive_5xx {
        o.number("consecutive_5xx", n);
        o.number("enforcing_consecutive_5xx", enforcing(n));
    }
    if let Some(n) = d.consecutive_gateway_failure {
        o.number("consecutive_gateway_failure", n);
        o.number("enforcing_consecutive_gateway_failure", enforcing(n));
    }
    if let Some(t) = d.interval {
        o.text("interval", t.to_proto());
    }
    if let Some(t) = d.base_ejection_time {
        o.text("base_ejection_time", t.to_proto());
    }
    if let Some(n) = d.max_ejection_percent {
        o.number("max_ejection_percent", n);
    }
    o.number("enforcing_success_rate", 0u32);
    if d.split_external_local_origin_errors {
        o.bool("split_external_local_origin_errors", true);
        if let Some(n) = d.consecutive_local_origin_failure {
            o.number("consecutive_local_origin_failure", n);
            o.number("enforcing_consecutive_local_origin_failure", enforcing(n));
        }
        o.number("enforcing_local_origin_success_rate", 0u32);
    }
}

fn protocol_options(o: &mut Object<'_>, h: &HttpProtocolOptions) {
    if *h == HttpProtocolOptions::default() {
        return;
    }
    o.object("typed_extension_protocol_options", |o| {
        o.object("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", |o| {
            o.str("@type", "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
            if h.max_requests_per_connection.is_some()
                || h.idle_timeout.is_some()
                || h.max_connection_duration.is_some()
            {
                o.object("common_http_protocol_options", |o| {
                    if let Some(n) = h.max_requests_per_connection {
                        o.number("max_requests_per_connection", n);
                    }
                    if let Some(t) = h.idle_timeout {
                        o.text("idle_timeout", t.to_proto());
                    }
                    if let Some(t) = h.max_connection_duration {
                        o.text("max_connection_duration", t.to_proto());
                    }
                });
            }
            let http2 = |o: &mut Object<'_>| {
                o.object("http2_protocol_options", |o| {
                    if let Some(n) = h.max_concurrent_streams {
                        o.number("max_concurrent_streams", n);
                    }
                });
            };
            match h.protocol {
                UpstreamProtocol::Http1 => {
                    o.object("explicit_http_config", |o| o.object("http_protocol_options", |_| {}));
                }
                UpstreamProtocol::Http2 => o.object("explicit_http_config", http2),
                UpstreamProtocol::UseDownstream => o.object("use_downstream_protocol_config", |o| {
                    o.object("http_protocol_options", |_| {});
                    http2(o);
                }),
            }
        });
    });
}

pub(super) fn load_assignment(o: &mut Object<'_>, c: &Cluster) {
    o.text("cluster_name", &c.name);
    // Endpoints come grouped by locality and priority already; one group starts wherever either changes.
    o.objects(
        "endpoints",
        c.endpoints.chunk_by(|a, b| a.locality == b.locality && a.priority == b.priority),
        locality_endpoints,
    );
}

fn locality_endpoints(o: &mut Object<'_>, group: &[Endpoint]) {
    if let Some(first) = group.first() {
        if !first.locality.is_empty() {
            o.object("locality", |o| {
                let mut parts = first.locality.split('/');
                for key in ["region", "zone", "sub_zone"] {
                    if let Some(part) = parts.next() {
                        o.str_if(key, part);
                    }
                }
            });
        }
        if first.priority > 0 {
            o.number("priority", first.priority);
        }
    }
    o.objects("lb_endpoints", group, |o, e| {
        o.object("endpoint", |o| {
            o.object("address", |o| {
                if e.address.starts_with('/') || e.address.starts_with('@') {
                    o.object("pipe", |o| o.str("path", &e.address));
                } else {
                    o.object("socket_address", |o| {
                        o.str("address", &e.address);
                        o.number("port_value", e.port);
                    });
                }
            });
            o.str_if("hostname", &e.hostname);
        });
        match e.health {
            Health::Healthy => {}
            Health::Unhealthy => o.str("health_status", "UNHEALTHY"),
            Health::Draining => o.str("health_status", "DRAINING"),
        }
        o.number("load_balancing_weight", e.weight);
        if let Some((namespace, name)) = &e.pod {
            o.object("metadata", |o| {
                o.object("filter_metadata", |o| {
                    o.object("towtank", |o| o.text("pod", format_args!("{namespace}/{name}")));
                });
            });
        }
    });
    let weight: u32 = group.iter().map(|e| e.weight).fold(0, u32::saturating_add);
    if weight > 0 {
        o.number("load_balancing_weight", weight);
    }
}
