//! Rollouts of opened workspaces: what the command line and the library both ask.

use smol_str::SmolStr;

use super::item::{Parted, between, settle_addresses};
use super::plan::{Orders, Plan, Setting, orders, plan};
use super::rehearsal::{Rehearsal, Supposed, rehearse};
use super::step::{Document, Rollout, Step};
use crate::envoy::router::Switches;
use crate::istio::admission;
use crate::istio::clients::{Alike, Client, PointsOfView};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::Manifests;
use crate::manifest::load::{self, Prints, UnknownFields};
use crate::manifest::source::{FileId, SourceMap};
use crate::parallel;
use crate::traffic::workspace::{self, Inputs, Options, Refused, Workspace};

/// What one side of a change was made of.
#[derive(Debug)]
pub(crate) struct Texts {
    pub manifests: Manifests,
    pub files: Vec<FileId>,
}

/// One side of a change.
pub(crate) type Opened = (Workspace, Texts);

/// Opens both sides with their texts in one list, since states on the way are made of both. Points of view are the newer one's.
pub(crate) fn open_both(sides: [Inputs; 2], [of_older, of_newer]: [&Options; 2]) -> [Result<Opened, Refused>; 2] {
    let [older, newer] = Inputs::side_by_side(sides);
    let open = |inputs: Inputs, options: &Options| {
        let files = inputs.manifests.clone();
        let (workspace, manifests) = workspace::open_keeping(inputs, options)?;
        Ok((workspace, Texts { manifests, files }))
    };
    let (older, newer) = parallel::join(|| open(older, of_older), || open(newer, of_newer));
    [older, newer]
}

/// Plans the change from the older side to the newer one, whose texts stand in one list.
pub(crate) fn plan_of(
    [(older, was), (workspace, is)]: [&mut Opened; 2],
    unknown_fields: UnknownFields,
    switches: &Switches,
) -> Plan {
    let sources = &workspace.sources;
    let prints = load::prints([(sources, was.files.as_slice()), (sources, is.files.as_slice())], &workspace.namespace);
    let parted = parted([&mut was.manifests, &mut is.manifests], &prints);
    let clients = clients(workspace, older);
    let alike = Alike::of(&clients, &[&workspace.mesh, &older.mesh], &workspace.namespace);
    let options = reading(workspace, unknown_fields);
    let setting = setting(workspace, &workspace.sources, &options, switches);
    plan(parted, &Setting { clients: &clients, alike: Some(&alike), ..setting })
}

/// What the orders of people's tools do on the way from the older side to the newer one; None: more objects than `most` change.
pub(crate) fn orders_of(
    [(older, was), (newer, is)]: [(&Workspace, &mut Manifests); 2],
    prints: &Prints,
    most: usize,
    unknown_fields: UnknownFields,
    switches: &Switches,
) -> Option<Orders> {
    let parted = parted([was, is], prints);
    if parted.items.len() > most {
        return None;
    }
    let clients = clients(newer, older);
    let alike = Alike::of(&clients, &[&newer.mesh, &older.mesh], &newer.namespace);
    let options = reading(newer, unknown_fields);
    let setting = setting(newer, &newer.sources, &options, switches);
    Some(orders(parted, &Setting { clients: &clients, alike: Some(&alike), ..setting }))
}

fn parted(mut stations: [&mut Manifests; 2], prints: &Prints) -> Parted {
    settle_addresses(&mut stations);
    let [was, is] = stations;
    between(prints, [was, is])
}

/// Rehearses the steps of a rollout in a workspace with these manifests. With it the texts that steps were read from, behind those
/// of the workspace.
///
/// # Errors
/// What is wrong with the texts of steps.
pub(crate) fn rehearse_in(
    workspace: &Workspace,
    mut today: Manifests,
    rollout: &Rollout,
    unknown_fields: UnknownFields,
    switches: &Switches,
    supposed: Option<Supposed<'_>>,
) -> Result<(Rehearsal, SourceMap), (Vec<Finding>, SourceMap)> {
    let mut sources = workspace.sources.clone();
    let options = reading(workspace, unknown_fields);
    let mut findings: Vec<Finding> = Vec::new();
    let mut loaded: Vec<Manifests> =
        rollout.steps.iter().map(|step| read(step, &mut sources, &options, &mut findings)).collect();
    if findings.iter().any(|f| f.severity == Severity::Error) {
        return Err((findings, sources));
    }
    let mut stations: Vec<&mut Manifests> = std::iter::once(&mut today).chain(&mut loaded).collect();
    settle_addresses(&mut stations);
    let setting = setting(workspace, &sources, &options, switches);
    let rehearsal = rehearse(&today, rollout, &loaded, &setting, supposed);
    Ok((rehearsal, sources))
}

fn setting<'s>(
    workspace: &'s Workspace,
    sources: &'s SourceMap,
    options: &'s load::Options,
    switches: &'s Switches,
) -> Setting<'s> {
    Setting {
        sources,
        options,
        switches,
        clients: &workspace.clients,
        alike: None,
        // Those that were asked for; else all.
        points: Some(&workspace.points).filter(|points: &&PointsOfView| !points.own),
        namespace: &workspace.namespace,
    }
}

/// How documents are read that are made on the way.
fn reading(workspace: &Workspace, unknown_fields: UnknownFields) -> load::Options {
    load::Options {
        namespace: workspace.namespace.clone(),
        unknown_fields,
        assume_names: false,
        profile: workspace.istio.profile,
    }
}

/// Everybody who is known on either side, each once.
fn clients(newer: &Workspace, older: &Workspace) -> Vec<Client> {
    let key = |c: &Client| (c.of.clone(), c.proxy.kind, c.proxy.name.clone(), c.proxy.labels.clone());
    let known: std::collections::BTreeSet<_> = newer.clients.iter().map(key).collect();
    newer.clients.iter().chain(older.clients.iter().filter(|c| !known.contains(&key(c)))).cloned().collect()
}

/// Reads the documents of a step as manifests of their own; what is wrong with them is put to the findings.
fn read(step: &Step, sources: &mut SourceMap, options: &load::Options, findings: &mut Vec<Finding>) -> Manifests {
    // What was read from a file is called like it, and what is made like what `--write` writes.
    let is_file = |name: &str| sources.iter().any(|(_, file)| file.name == name);
    let name = |d: &Document| match is_file(&d.file) {
        true => d.file.clone(),
        false => format!("{}/{}", folder_name(&step.name), d.file),
    };
    let add = |d: &Document| (name(d), d.text.clone());
    let texts: Vec<(String, String)> = step.documents.iter().map(add).collect();
    let files: Vec<_> = texts.into_iter().map(|(name, text)| sources.add(name, text)).collect();
    let mut read = load::read(sources, &files, options);
    findings.append(&mut read.findings);
    let reviewed = admission::review(&read.manifests);
    findings.extend(reviewed.iter().cloned());
    admission::admit(read.manifests, &reviewed)
}

/// The name of a step as that of a folder: `90/10` becomes `90-10`.
pub(crate) fn folder_name(step: &SmolStr) -> String {
    file_name(&step.replace([' ', '/'], "-"))
}

/// Without what leads elsewhere.
pub(crate) fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect()
}
