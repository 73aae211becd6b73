//! Clients parted once for many parts of a mesh: whoever is alike in the whole is alike in each part of it.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::format_smolstr;

use super::{Class, Client, Member, PointsOfView, classes};
use crate::istio::mesh::Mesh;

/// Clients that no part of some meshes tells apart, each class with one who stands for all of it.
#[derive(Debug)]
pub(crate) struct Alike {
    /// One for each class, called by its number.
    pub heads: Vec<Client>,
    classes: Vec<Class>,
}

impl Alike {
    pub(crate) fn of(clients: &[Client], meshes: &[&Mesh], namespace: &str) -> Alike {
        let classes = classes(clients, meshes, namespace);
        let known: FxHashMap<*const _, &Client> = clients.iter().map(|c| (Arc::as_ptr(&c.proxy), c)).collect();
        let head = |(number, class): (usize, &Class)| -> Option<Client> {
            let first = class.proxies.first()?;
            let client = known.get(&Arc::as_ptr(first))?;
            let of = Member { name: format_smolstr!("{number}"), ..client.of.clone() };
            Some(Client { of, ..Client::clone(client) })
        };
        Alike { heads: classes.iter().enumerate().filter_map(head).collect(), classes }
    }

    /// Classes of heads with all whom they stand for.
    pub(crate) fn whole(&self, points: PointsOfView) -> PointsOfView {
        let whole = |class: Class| -> Class {
            let mut seen: FxHashSet<&Member> = FxHashSet::default();
            let (mut members, mut proxies) = (Vec::new(), Vec::new());
            let heads = class.members.iter().filter_map(|m| m.name.parse::<usize>().ok());
            for of in heads.filter_map(|number| self.classes.get(number)) {
                for (member, proxy) in of.members.iter().zip(&of.proxies).filter(|(m, _)| seen.insert(m)) {
                    members.push(member.clone());
                    proxies.push(proxy.clone());
                }
            }
            Class { members, proxies, ..class }
        };
        PointsOfView { classes: points.classes.into_iter().map(whole).collect(), ..points }
    }
}
