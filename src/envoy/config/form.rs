//! Which kind of configuration a text is, by its content (CF-1).

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::key::Key;
use crate::manifest::yaml::{self, Node, Value};

/// What a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Envoy's `/config_dump`, which `istioctl proxy-config all` prints too.
    Dump,
    /// `/clusters?format=json`.
    ClusterStatuses,
    Bootstrap,
    RouteConfiguration,
    Listener,
    Cluster,
    LoadAssignment,
    /// An answer of a discovery service: `resources` with types.
    Resources,
    /// `routes -o envoy`.
    Own,
    RouteConfigurations,
    Listeners,
    Clusters,
    LoadAssignments,
    /// `istioctl proxy-config endpoints`.
    ClusterStatusList,
    /// What another kind of proxy has.
    Foreign(Foreign),
}

/// Proxies that have no table of routes as Envoy has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    Ztunnel,
    /// A dump with other types than Envoy's.
    Dump,
    /// What gRPC's client status discovery says.
    Discovery,
}

/// Whether a text is something that this room reads, or that belongs to a proxy of another kind. Of JSON no more is looked at than the
/// fields before the first that tells.
pub(crate) fn is_configuration(text: &str) -> bool {
    form(text).is_some()
}

/// The form of a text; None: it is none of them.
pub(super) fn form(text: &str) -> Option<Form> {
    if is_json(text) {
        return of_json(text);
    }
    if !may_be_yaml_of_one(text) {
        return None;
    }
    let raw = yaml::documents(text);
    let document = yaml::parse(raw.first()?, &yaml::Limits::default()).ok()??;
    of_node(&document.root)
}

pub(super) fn is_json(text: &str) -> bool {
    text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with(['{', '['])
}

/// Fields at the top of a text that tell what it is, or that it is something else.
fn of_key(key: &str) -> Option<Option<Form>> {
    Some(match key {
        "configs" => Some(Form::Dump),
        "cluster_statuses" => Some(Form::ClusterStatuses),
        "static_resources" | "dynamic_resources" => Some(Form::Bootstrap),
        "virtual_hosts" => Some(Form::RouteConfiguration),
        "filter_chains" | "default_filter_chain" | "api_listener" => Some(Form::Listener),
        "eds_cluster_config" | "load_assignment" | "lb_policy" => Some(Form::Cluster),
        "cluster_name" => Some(Form::LoadAssignment),
        "resources" => Some(Form::Resources),
        "proxy" => Some(Form::Own),
        "workload_state" | "staged_services" | "workloads" => Some(Form::Foreign(Foreign::Ztunnel)),
        "generic_xds_configs" | "xds_config" => Some(Form::Foreign(Foreign::Discovery)),
        // Of several clients, under `config`.
        "config" => Some(Form::Foreign(Foreign::Discovery)),
        "api_version" | "kind" | "spec" => None,
        _ => return None,
    })
}

/// The same of the entries of a list.
fn of_entry_key(key: &str) -> Option<Option<Form>> {
    Some(match key {
        "virtual_hosts" => Some(Form::RouteConfigurations),
        "filter_chains" | "default_filter_chain" | "listener_filters" => Some(Form::Listeners),
        "host_statuses" | "added_via_api" | "observability_name" => Some(Form::ClusterStatusList),
        "eds_cluster_config"
        | "load_assignment"
        | "lb_policy"
        | "connect_timeout"
        | "cluster_type"
        | "transport_socket_matches" => Some(Form::Clusters),
        "cluster_name" => Some(Form::LoadAssignments),
        "workload_ips" => Some(Form::Foreign(Foreign::Ztunnel)),
        "generic_xds_configs" => Some(Form::Foreign(Foreign::Discovery)),
        "api_version" | "kind" | "op" => None,
        _ => return None,
    })
}

/// The form where a discriminating field's value looks as it must; fields of these names occur elsewhere too.
fn fitting(form: Form, value: &Shape) -> Option<Form> {
    let fits = match form {
        // A list of parts that have types of somebody else's.
        Form::Dump if value.first_has_other_type => return Some(Form::Foreign(Foreign::Dump)),
        Form::Dump | Form::Resources => value.first_has_type,
        Form::Own => value.is_text,
        Form::Foreign(Foreign::Discovery) => value.first_has_xds,
        _ => true,
    };
    fits.then_some(form)
}

/// As much of a value as forms are told apart by.
#[derive(Debug, Default)]
struct Shape {
    is_text: bool,
    /// It is a list whose first entry has a type of Envoy's.
    first_has_type: bool,
    /// The type is another's.
    first_has_other_type: bool,
    /// The first entry has, or is, what discovery services gave.
    first_has_xds: bool,
}

fn of_node(root: &Node<'_>) -> Option<Form> {
    let shape = |node: &Node<'_>| {
        let first = node.as_seq().and_then(|all| all.first());
        let kind = first.and_then(|first| first.get("@type")?.as_str());
        Shape {
            is_text: node.as_str().is_some(),
            first_has_type: kind.is_some_and(|t| t.starts_with(TYPES)),
            first_has_other_type: kind.is_some_and(|t| t.starts_with(TYPE) && !t.starts_with(TYPES)),
            first_has_xds: first.is_some_and(|first| XDS.iter().any(|key| first.get(key).is_some())),
        }
    };
    match &root.value {
        Value::Map(entries) => {
            for entry in entries {
                match of_key(&Key::of(&entry.key).0) {
                    Some(Some(form)) => {
                        if let Some(form) = fitting(form, &shape(&entry.value)) {
                            return Some(form);
                        }
                    }
                    Some(None) => return None,
                    None => {}
                }
            }
            None
        }
        Value::Seq(items) => {
            let keys = items.iter().take(8).flat_map(|item| item.as_map().unwrap_or_default());
            keys.map(|entry| of_entry_key(&Key::of(&entry.key).0)).find_map(|form| form)?
        }
        _ => None,
    }
}

/// What begins the types of messages, and of Envoy's.
const TYPE: &str = "type.googleapis.com/";
const TYPES: &str = "type.googleapis.com/envoy.";

/// Fields of what a client of discovery services says of itself.
const XDS: [&str; 6] = ["genericXdsConfigs", "generic_xds_configs", "xdsConfig", "xds_config", "typeUrl", "type_url"];

/// Whether a line begins with a field that tells; manifests, which are the rule, need not be read for it.
fn may_be_yaml_of_one(text: &str) -> bool {
    let tells = |line: &str| {
        let (entry, line) = match line.strip_prefix("- ").or_else(|| line.strip_prefix("  ")) {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let Some((key, _)) = line.split_once(':') else { return false };
        let key = Key::of(key.trim_matches(['"', '\'']));
        let of = if entry { of_entry_key(&key.0) } else { of_key(&key.0) };
        matches!(of, Some(Some(_)))
    };
    let is_manifest = |line: &str| line.starts_with("apiVersion:") || line.starts_with("kind:");
    !text.lines().any(is_manifest) && text.lines().any(tells)
}

fn of_json(text: &str) -> Option<Form> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
    // The search ends by an error as soon as it is known; a text that is none runs to its end or to what is wrong with it.
    let _ = deserializer.deserialize_any(Top { found: &mut found, entries: false });
    found.flatten()
}

/// Looks at the fields at the top. `found` is None until something tells.
struct Top<'f> {
    found: &'f mut Option<Option<Form>>,
    /// They are those of a list's entries.
    entries: bool,
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a configuration")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let told = if self.entries { of_entry_key(&key) } else { of_key(&key) };
            let Some(told) = told else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let fitting = match told {
                Some(form) if !self.entries => {
                    let mut shape = Shape::default();
                    // A list is left where its first entry has told enough, which is an error here.
                    let read = map.next_value_seed(Look { shape: &mut shape });
                    if let Some(form) = fitting(form, &shape) {
                        *self.found = Some(Some(form));
                        return Err(serde::de::Error::custom("found"));
                    }
                    read?;
                    false
                }
                _ => true,
            };
            if fitting {
                *self.found = Some(told);
                return Err(serde::de::Error::custom("found"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Entry { found: &mut *self.found })?.is_some() {}
        Ok(())
    }
}

struct Entry<'f> {
    found: &'f mut Option<Option<Form>>,
}

impl<'de> serde::de::DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(Top { found: self.found, entries: true })
    }
}

struct Look<'s> {
    shape: &'s mut Shape,
}

impl<'de> serde::de::DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.shape.is_text = true;
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        seq.next_element_seed(First { shape: self.shape })?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// The first entry of a list, of which no more is read than its type.
struct First<'s> {
    shape: &'s mut Shape,
}

impl<'de> serde::de::DeserializeSeed<'de> for First<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for First<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if key == "@type" {
                let kind = map.next_value::<String>()?;
                self.shape.first_has_type = kind.starts_with(TYPES);
                self.shape.first_has_other_type = kind.starts_with(TYPE) && !self.shape.first_has_type;
                return Err(serde::de::Error::custom("found"));
            }
            if XDS.contains(&key.as_str()) {
                self.shape.first_has_xds = true;
                return Err(serde::de::Error::custom("found"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cf_1_a_text_is_known_by_its_content() {
        use Form::*;
        let typed = |t: &str| format!(r#"{{"configs": [{{"@type": "type.googleapis.com/{t}"}}]}}"#);
        for (text, wanted) in [
            (typed("envoy.admin.v3.BootstrapConfigDump").as_str(), Some(Dump)),
            (&typed("other"), Some(Foreign(super::Foreign::Dump))),
            (r#"{"config": [{"node": {}, "genericXdsConfigs": []}]}"#, Some(Foreign(super::Foreign::Discovery))),
            (r#"{"config": [{"a": 1}]}"#, None),
            (r#"{"configs": [1, 2]}"#, None),
            (
                r#"{"version_info": "1", "resources": [{"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"}]}"#,
                Some(Resources),
            ),
            (r#"{"resources": ["a.yaml"]}"#, None),
            (r#"{"name": "80", "virtualHosts": []}"#, Some(RouteConfiguration)),
            ("name: local\nvirtual_hosts:\n- name: a\n", Some(RouteConfiguration)),
            ("- name: local\n  virtualHosts:\n  - name: a\n", Some(RouteConfigurations)),
            ("static_resources: {}\n", Some(Bootstrap)),
            ("apiVersion: v1\nkind: ConfigMap\ndata:\n  configs: x\n", None),
            (r#"{"apiVersion": "v1", "kind": "List", "resources": []}"#, None),
            (r#"[{"name": "a", "hostStatuses": []}]"#, Some(ClusterStatusList)),
            (r#"[{"name": "a", "filterChains": []}]"#, Some(Listeners)),
            (r#"[{"op": "add"}]"#, None),
            (r#"{"workloads": {}, "services": {}}"#, Some(Foreign(super::Foreign::Ztunnel))),
            (r#"{"proxy": "client", "listeners": []}"#, Some(Own)),
            (r#"{"proxy": {"name": "x"}}"#, None),
            ("", None),
            ("{", None),
            ("a: [", None),
            // What is cut off is still known for what it was.
            (r#"{"name": "80", "virtual_hosts": [{"na"#, Some(RouteConfiguration)),
        ] {
            assert_eq!(form(text), wanted, "{text}");
        }
    }
}
