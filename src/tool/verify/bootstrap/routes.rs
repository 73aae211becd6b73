//! Route configurations: marked, and without waiting.

use serde_json::{Value, json};

use super::{list_mut, set, set_metadata};

/// Gives each route its position as a mark, `VIRTUAL HOST/ROUTE`, and takes out what only makes it wait, unless `waits`.
pub(super) fn mark(config: &mut Value, waits: bool) {
    for (v, host) in list_mut(config, "virtual_hosts").enumerate() {
        for (r, route) in list_mut(host, "routes").enumerate() {
            set_metadata(route, "route", format!("{v}/{r}"));
            if waits {
                continue;
            }
            if let Some(action) = route.get_mut("route") {
                set(action, "timeout", "0s");
                if let Some(retry) = action.get_mut("retry_policy") {
                    super::remove(retry, "per_try_timeout");
                }
            }
            if let Some(delay) = route.pointer_mut("/typed_per_filter_config/envoy.filters.http.fault/delay") {
                set(delay, "fixed_delay", json!("0.001s"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_beside_other_metadata() {
        let mut config = json!({"virtual_hosts": [{"routes": []}, {"routes": [
            {"route": {"timeout": "5s", "retry_policy": {"per_try_timeout": "1s", "num_retries": 2}},
             "metadata": {"filter_metadata": {"istio": {}, "towtank": {"source": {}}}}},
            {"typed_per_filter_config": {"envoy.filters.http.fault": {"delay": {"fixed_delay": "5s"}}}},
        ]}]});
        mark(&mut config, false);
        assert_eq!(
            config["virtual_hosts"][1]["routes"],
            json!([
                {"route": {"timeout": "0s", "retry_policy": {"num_retries": 2}},
                 "metadata": {"filter_metadata": {"istio": {}, "towtank": {"source": {}, "route": "1/0"}}}},
                {"typed_per_filter_config": {"envoy.filters.http.fault": {"delay": {"fixed_delay": "0.001s"}}},
                 "metadata": {"filter_metadata": {"towtank": {"route": "1/1"}}}},
            ])
        );
    }
}
