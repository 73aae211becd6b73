//! The clients of two meshes that are compared: who somebody is on either side.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::key::PER_POD;
use super::{Client, Member};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::manifest::kinds::Labels;

/// The clients of `newer`, each with what it was in `older`, and of `older` those that still matter: clients of namespaces that have
/// none any more, and gateways that requests still come to, though nothing may listen there now.
pub(crate) fn beside(newer: &[Client], older: &[Client]) -> Vec<Client> {
    let [now, before] = [newer, older].map(by_member);
    let inhabited: FxHashSet<&SmolStr> = newer.iter().map(|c| &c.proxy.namespace).collect();
    let given: FxHashSet<&SmolStr> =
        older.iter().filter(|c| is_gateway(c) && c.is_known()).map(|c| &c.proxy.name).collect();
    // A gateway is assumed for a selector that fits none; where it fitted one before, that one is meant.
    let stands_for_one = |c: &Client| is_gateway(c) && !c.is_known() && given.contains(&c.proxy.name);
    let staying = newer.iter().filter(|c| !stands_for_one(c)).map(|client| {
        let was = of(&before, client).and_then(|olds| former(client, olds));
        Client { was, ..client.clone() }
    });
    let gone = older.iter().filter_map(|client| {
        let namesakes = of(&now, client).unwrap_or_default();
        if is_gateway(client) && !namesakes.iter().any(|c| is_gateway(c)) {
            return Some(match namesakes.first() {
                // No Gateway selects it any more.
                Some(now) => Client {
                    proxy: Arc::new(Proxy {
                        kind: client.proxy.kind,
                        name: client.proxy.name.clone(),
                        ..(*now.proxy).clone()
                    }),
                    was: Some(client.proxy.clone()),
                    ..(*now).clone()
                },
                None => client.clone(),
            });
        }
        (!inhabited.contains(&client.proxy.namespace)).then(|| client.clone())
    });
    staying.chain(gone).collect()
}

/// What a client was under other labels; None where some replica had the same ones.
fn former(client: &Client, olds: &[&Client]) -> Option<Arc<Proxy>> {
    let mut alike = olds.iter().filter(|old| old.proxy.kind == client.proxy.kind).peekable();
    let first = alike.peek()?.proxy.clone();
    let labels = lasting(&client.proxy.labels);
    let stays = alike.any(|old| lasting(&old.proxy.labels) == labels);
    (!stays).then_some(first)
}

/// Labels but for those that each replica has for itself.
fn lasting(labels: &Labels) -> Vec<(&SmolStr, &SmolStr)> {
    labels.iter().filter(|(key, _)| !PER_POD.contains(&key.as_str())).collect()
}

fn is_gateway(client: &Client) -> bool {
    client.proxy.kind == ProxyKind::Gateway
}

type ByMember<'c> = FxHashMap<&'c Member, Vec<&'c Client>>;

fn by_member(clients: &[Client]) -> ByMember<'_> {
    let mut out = ByMember::default();
    clients.iter().for_each(|client| out.entry(&client.of).or_default().push(client));
    out
}

fn of<'m, 'c>(all: &'m ByMember<'c>, client: &Client) -> Option<&'m [&'c Client]> {
    all.get(&client.of).map(Vec::as_slice)
}
