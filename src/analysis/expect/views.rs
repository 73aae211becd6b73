//! The proxies that look at tests, each with its compiled table.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::names::Names;
use crate::analysis::diff::Side;
use crate::envoy::proxy::Proxy;
use crate::envoy::router::{CompiledParts, Router};
use crate::manifest::diagnostic::Finding;
use crate::manifest::source::Position;
use crate::traffic::scenario::fields::nearest;
use crate::traffic::workspace::Workspace;

/// A proxy with its compiled table.
#[derive(Debug)]
pub(super) struct View {
    pub router: Arc<Router>,
    pub names: Names,
    side: OnceLock<Side>,
    compiled: Arc<CompiledParts>,
}

impl View {
    pub(super) fn new(router: Arc<Router>, compiled: &Arc<CompiledParts>) -> View {
        View { names: Names::of(router.table()), router, side: OnceLock::new(), compiled: compiled.clone() }
    }

    /// The table as properties look at it.
    pub(super) fn side(&self) -> &Side {
        let table = || self.router.table().clone();
        self.side.get_or_init(|| Side::new(table(), self.router.switches(), &self.compiled))
    }
}

/// All proxies that look at something, each once by its name.
pub(super) struct Proxies<'w> {
    pub all: Vec<Arc<Proxy>>,
    index: FxHashMap<SmolStr, usize>,
    workspace: &'w Workspace,
    namespace: &'w str,
}

impl<'w> Proxies<'w> {
    pub(super) fn new(workspace: &'w Workspace, namespace: &'w str) -> Proxies<'w> {
        let all = workspace.proxies.clone();
        let index = all.iter().zip(0..).map(|(p, i)| (p.name.clone(), i)).collect();
        Proxies { all, index, workspace, namespace }
    }

    /// The position of a proxy that is known.
    pub(super) fn index(&mut self, proxy: &Arc<Proxy>) -> usize {
        let known = self.index.get(&proxy.name).copied();
        known.filter(|i| self.all.get(*i) == Some(proxy)).unwrap_or_else(|| {
            self.all.push(proxy.clone());
            let index = self.all.len() - 1;
            self.index.entry(proxy.name.clone()).or_insert(index);
            index
        })
    }

    /// The position of the proxy that a test names there; what is wrong with the name is a finding.
    pub(super) fn named(&mut self, name: &SmolStr, at: Position, findings: &mut Vec<Finding>) -> Option<usize> {
        if let Some(i) = self.index.get(name) {
            return Some(*i);
        }
        match self.workspace.proxy(name, self.namespace) {
            Ok(proxy) => {
                self.index.insert(name.clone(), self.all.len());
                self.all.push(proxy);
                Some(self.all.len() - 1)
            }
            Err(mut finding) => {
                let known: Vec<&str> = self.workspace.proxies.iter().map(|p| p.name.as_str()).collect();
                if let Some(near) = nearest(name, &known) {
                    finding.hint = Some(format!("did you mean `{near}`?"));
                }
                finding.id = "test".into();
                findings.push(finding.at(at));
                None
            }
        }
    }
}
