//! From texts to a resolved mesh with its proxies: the stages before any command begins its own work, put in line.
//!
//! Reading (room `load`), admission, replacement of repeated objects, the scenario's pods, assumed Services, the mesh,
//! the proxies. Nothing here reads files or prints; what is to be said comes back as findings and notes.

mod assume;
mod discovery;
mod istio;
mod namespaces;
mod proxies;
mod refused;
mod running;

pub(crate) use assume::{Assume, Assumed, AssumedPods};
pub(crate) use istio::{Asked, Istio};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::envoy::config::{self, Running};
use crate::envoy::proxy::Proxy;
use crate::envoy::router::Switches;
use crate::istio::admission;
use crate::istio::clients::{self, Class, Client, PointsOfView, classes};
use crate::istio::mesh::Mesh;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Manifests, MeshConfig, NotModelled, ObjectId};
use crate::manifest::load::{self, Overlaid, Prints};
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::manifest::yaml;
use crate::order::Order as _;
use crate::order::Ordered as _;
use crate::parallel;
use crate::traffic::scenario::{self, Scenario};
use namespaces::Renaming;
use proxies::KnownPod;

/// How inputs are taken.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Namespace of documents and scenario entries that name none.
    pub namespace: SmolStr,
    pub unknown_fields: load::UnknownFields,
    /// Leave refused documents out instead of stopping.
    pub skip_invalid: bool,
    /// What to take for granted where it is not given.
    pub assume: Assume,
    /// Namespaces that are taken for others.
    pub map_namespaces: Vec<(SmolStr, SmolStr)>,
    /// Which Istio reads them, where somebody says so.
    pub istio: Asked,
    /// `--proxy` texts; empty: all of the scenario, else all clients that the manifests know, as for `any`.
    pub proxies: Vec<String>,
}

/// The texts of one mesh.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    /// Shown in reports of several scenarios; empty for plain manifests.
    pub name: String,
    pub sources: SourceMap,
    pub manifests: Vec<FileId>,
    /// What proxies run, read while it streamed by: its files have no text.
    pub streamed: Vec<config::Streamed>,
    /// Of files that are laid over others, which of them over which: the greater number. Those that lie below are left out.
    pub layers: BTreeMap<FileId, u32>,
    /// What is in force before, for commands that compare.
    pub base: Vec<FileId>,
    pub mesh_config: Option<FileId>,
    pub scenario: Option<(FileId, Scenario)>,
    /// The texts of the scenario's steps, by step.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only a rollout goes through them"))]
    pub steps: Vec<Vec<FileId>>,
    /// What went wrong while the texts were gathered.
    pub findings: Vec<Finding>,
    /// Folders below the paths that were left out without being asked to.
    #[cfg_attr(not(feature = "files"), expect(dead_code, reason = "only who reads files leaves some out"))]
    pub left_out: Vec<String>,
}

/// Name of a text that is a scenario instead of manifests.
const SCENARIO: &str = "scenario.yaml";

impl Inputs {
    /// What the documents of two sides say, each as a number. `namespace` is that of documents that name none, and `renamed` those that
    /// stand for others.
    pub(crate) fn prints(sides: [&Inputs; 2], namespace: &str, renamed: &[(SmolStr, SmolStr)]) -> Prints {
        let prints = load::prints(sides.map(|side| (&side.sources, side.manifests.as_slice())), namespace);
        let meant = |((kind, namespace, name), print)| ((kind, Renaming(renamed).namespace(&namespace), name), print);
        prints.map(|side| side.into_iter().map(meant).into_map())
    }

    /// The texts of one mesh, each with the name that is shown for it. One whose name ends in `scenario.yaml` is the scenario; the
    /// others are its manifests, whatever it lists.
    pub(crate) fn of_texts<N, T>(texts: impl IntoIterator<Item = (N, T)>) -> Inputs
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let mut inputs = Inputs::default();
        for (name, text) in texts {
            let file = inputs.sources.add(name.as_ref(), text.as_ref());
            if name.as_ref().rsplit('/').next() != Some(SCENARIO) {
                inputs.manifests.push(file);
                continue;
            }
            match scenario::decode(file, text.as_ref()) {
                Ok(scenario) => inputs.scenario = Some((file, scenario)),
                Err(findings) => inputs.findings.extend(findings),
            }
        }
        inputs
    }

    /// Two sides with their texts in one list, since what lies between them is made of both.
    #[cfg(feature = "cli")]
    pub(crate) fn side_by_side([older, newer]: [Inputs; 2]) -> [Inputs; 2] {
        let older = older.behind(&newer.sources);
        let newer = Inputs { sources: older.sources.clone(), ..newer };
        [older, newer]
    }

    /// Whether the same texts were gathered in the same way, so that the same becomes of both.
    pub(crate) fn is_same(&self, other: &Inputs) -> bool {
        // The scenario is what its text says.
        let scenario = |of: &Inputs| of.scenario.as_ref().map(|(file, _)| *file);
        let texts = |of: &Inputs| -> Vec<(FileId, String, Arc<str>)> {
            of.sources.iter().map(|(id, file)| (id, file.name.to_string(), file.text.clone())).collect()
        };
        self.manifests == other.manifests
            && (&self.layers, &self.base, self.mesh_config) == (&other.layers, &other.base, other.mesh_config)
            && (&self.name, &self.findings, scenario(self)) == (&other.name, &other.findings, scenario(other))
            && texts(self) == texts(other)
    }

    /// The same with its texts behind those of others, so that places in both can be told apart.
    #[cfg(feature = "cli")]
    pub(crate) fn behind(mut self, others: &SourceMap) -> Inputs {
        let mut sources = others.clone();
        let ids: BTreeMap<FileId, FileId> =
            self.sources.iter().map(|(id, file)| (id, sources.add(file.name.clone(), file.text.clone()))).collect();
        let moved = |id: FileId| ids.get(&id).copied().unwrap_or(id);
        let steps = self.steps.iter_mut().flatten();
        self.manifests
            .iter_mut()
            .chain(&mut self.base)
            .chain(&mut self.mesh_config)
            .chain(steps)
            .for_each(|id| *id = moved(*id));
        self.layers = self.layers.iter().map(|(id, layer)| (moved(*id), *layer)).collect();
        self.findings.iter_mut().for_each(|f| f.at.file = moved(f.at.file));
        if let Some((file, scenario)) = &mut self.scenario {
            *file = moved(*file);
            scenario.pods.iter_mut().for_each(|p| p.at.file = moved(p.at.file));
        }
        self.sources = sources;
        self
    }
}

impl Options {
    /// As every command takes manifests unless it is told otherwise.
    pub(crate) fn usual(namespace: &str) -> Options {
        Options {
            namespace: namespace.into(),
            unknown_fields: load::UnknownFields::Error,
            skip_invalid: false,
            assume: Assume::AUTO,
            map_namespaces: Vec::new(),
            istio: Asked::default(),
            proxies: Vec::new(),
        }
    }
}

/// A resolved mesh, ready for every command.
#[derive(Debug)]
pub(crate) struct Workspace {
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub name: String,
    pub sources: SourceMap,
    pub scenario: Option<Scenario>,
    pub mesh: Mesh,
    /// The points of view: those that were asked for, in that order, else classes of all clients.
    pub points: PointsOfView,
    /// The proxies that stand for them, in the same order.
    pub proxies: Vec<Arc<Proxy>>,
    /// Those that were asked for by name.
    pub named: Vec<Class>,
    /// Everybody who is known.
    pub clients: Vec<Client>,
    /// Whether its proxies are those whose configurations were given, and their tables what stands there (CF-2).
    pub of_running: bool,
    /// Switches that the bootstraps of those proxies set, by name.
    runtime: serde_json::Map<String, serde_json::Value>,
    /// That of documents that name none.
    pub namespace: SmolStr,
    /// All findings of loading and admission; none is an error that stops.
    pub findings: Vec<Finding>,
    /// What was not given and is taken for granted.
    pub assumed: Assumed,
    /// What came of what is laid over the manifests; None where nothing is.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub overlaid: Option<Overlaid>,
    /// Which Istio it is.
    pub istio: Istio,
    /// Documents that were read.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub documents: usize,
    /// The pods of the manifests, for points of view that name one.
    pods: Vec<KnownPod>,
    /// What is among the manifests and not modelled.
    pub not_modelled: Vec<NotModelled>,
    /// Rollouts and Canaries among the manifests.
    #[cfg(feature = "cli")]
    pub controlled: Vec<ObjectId>,
}

/// Why there is no workspace.
#[derive(Debug)]
pub(crate) struct Refused {
    pub sources: SourceMap,
    /// At least one error.
    pub findings: Vec<Finding>,
}

/// What `check` needs of inputs that may be refused: everything that was found.
#[derive(Debug)]
pub(crate) struct Reviewed {
    pub sources: SourceMap,
    pub findings: Vec<Finding>,
    /// What is left of the documents: the objects that would be in force, with Services assumed where that was asked for.
    pub manifests: Manifests,
    /// The objects that are refused, as far as they can be understood, of kinds that others refer to.
    pub refused: Manifests,
    /// The objects of the inputs' `base` that are in force, where there is one; what is refused there is in force nowhere.
    pub base: Option<Manifests>,
    /// What came of what is laid over the manifests; None where nothing is.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub overlaid: Option<Overlaid>,
    /// Which Istio it is.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub istio: Istio,
    /// Hosts that got an assumed Service, sorted.
    pub assumed: Vec<SmolStr>,
    /// Texts among the inputs that are configurations of proxies, and no manifests.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line says what it needs instead"))]
    pub configurations: Vec<FileId>,
    pub scenario: Option<Scenario>,
    /// All gateway workloads that the scenario or a Gateway tells of.
    pub gateways: Vec<Arc<Proxy>>,
}

/// The documents of `inputs` as the API server would leave them, and all that is to be said about them.
#[derive(Clone, Debug)]
struct Admitted {
    istio: Istio,
    manifests: Manifests,
    /// What is in force nowhere.
    refused: Manifests,
    findings: Vec<Finding>,
    overlaid: Option<Overlaid>,
    documents: usize,
    /// Documents that got a name.
    named: usize,
}

fn admit(inputs: &Inputs, options: &Options, running: &[Running]) -> Admitted {
    let mut findings = inputs.findings.clone();
    let istio = istio::resolve(inputs, &options.istio, running, &mut findings);
    let load_options = load::Options {
        namespace: options.namespace.clone(),
        unknown_fields: options.unknown_fields,
        assume_names: options.assume.names,
        profile: istio.profile,
    };
    let mut loaded = load::read(&inputs.sources, &inputs.manifests, &load_options);
    findings.append(&mut loaded.findings);
    findings.extend(nothing_understood(&loaded, inputs, &findings));
    mesh_config(&mut loaded.manifests.mesh_config, inputs, &load_options, &mut findings);
    let mut reviewed = admission::review(&loaded.manifests);
    let beside = refused::beside_unknown_fields(&loaded);
    if !beside.is_empty() {
        reviewed.extend(beside);
        reviewed.order_by_key(|f| (f.at.file, f.at.document));
    }
    withdraw_superseded(&mut reviewed, &loaded.manifests);
    let refused = refused::all(&loaded, &reviewed);
    findings.extend(reviewed);
    let mut manifests = admission::admit(loaded.manifests, &findings);
    // Before repeated objects are settled, which two environments in one mesh may well have.
    let renaming = Renaming(&options.map_namespaces);
    renaming.manifests(&mut manifests);
    let (mut manifests, settled) = load::replace_duplicates(manifests, &inputs.layers);
    findings.extend(settled.findings);
    let overlaid = inputs.manifests.iter().any(|file| inputs.layers.contains_key(file)).then_some(settled.overlaid);
    if let Some((_, scenario)) = &inputs.scenario {
        let mut pods = scenario_pods(scenario, &options.namespace);
        pods.iter_mut().for_each(|pod| pod.namespace = renaming.namespace(&pod.namespace));
        load::add_scenario_pods(&mut manifests, &pods);
    }
    manifests.not_modelled.extend(NotModelled::of_mesh_config(&manifests.mesh_config));
    Admitted { istio, manifests, refused, findings, overlaid, documents: loaded.documents, named: loaded.named }
}

/// An answer about nothing would look like a good one.
fn nothing_understood(loaded: &load::Loaded, inputs: &Inputs, findings: &[Finding]) -> Option<Finding> {
    let is_told = findings.iter().any(|f| f.severity == Severity::Error);
    if !loaded.understood.is_empty() || inputs.scenario.is_some() || inputs.manifests.is_empty() || is_told {
        return None;
    }
    let what = match inputs.manifests.as_slice() {
        [one] => format!("`{}` holds", inputs.sources.name(*one)),
        several => format!("the {} files hold", several.len()),
    };
    let message = format!("{what} nothing that bears on routing: no object of Istio or Kubernetes that is read");
    Some(Finding::new("load", Severity::Error, message).hint("give VirtualServices, Services or other manifests"))
}

/// A document that would be refused, and that a later acceptable one replaces anyway, leaves nothing refused behind.
///
/// The finding stays, as a warning. A later document that is refused leaves the earlier one in force.
fn withdraw_superseded(findings: &mut [Finding], manifests: &Manifests) {
    let refused: Vec<(ObjectId, Position)> =
        findings.iter().filter(|f| f.is_rejection()).filter_map(|f| Some((f.object.clone()?, f.at))).collect();
    if refused.is_empty() {
        return;
    }
    let place = |at: Position| (at.file, at.document, at.line);
    let refused_places: FxHashSet<_> = refused.iter().map(|(id, at)| (id, at.file, at.document)).collect();
    let mut last_accepted: FxHashMap<&ObjectId, _> = FxHashMap::default();
    for (id, at) in manifests.istio_objects() {
        if !refused_places.contains(&(id, at.file, at.document)) {
            let last = last_accepted.entry(id).or_insert(place(at));
            *last = (*last).max(place(at));
        }
    }
    for f in findings.iter_mut().filter(|f| f.is_rejection()) {
        let superseded = f.object.as_ref().and_then(|id| last_accepted.get(id)).is_some_and(|last| *last > place(f.at));
        if superseded {
            f.admission = None;
            f.severity = Severity::Warning;
        }
    }
}

/// Lays the scenario's `mesh`, then the mesh configuration file, over what the manifests gave.
fn mesh_config(config: &mut MeshConfig, inputs: &Inputs, options: &load::Options, findings: &mut Vec<Finding>) {
    let before = findings.len();
    if let Some((file, scenario)) = &inputs.scenario
        && scenario.has_mesh
        && let Some(source) = inputs.sources.file(*file)
        && let Some(raw) = yaml::documents(&source.text).first()
        && let Ok(Some(document)) = yaml::parse(raw, &yaml::Limits::default())
        && let Some(node) = document.root.get("mesh")
    {
        let text = &source.text;
        findings.extend(load::apply_mesh_config(node, "mesh", *file, text, options, config));
    }
    if let Some(file) = inputs.mesh_config {
        findings.extend(load::read_mesh_config(&inputs.sources, file, options, config));
    }
    // No object is refused: Istiod can't read its own configuration, and goes on without it.
    for finding in findings.iter_mut().skip(before).filter(|f| f.object.is_none()) {
        finding.admission = None;
    }
}

fn scenario_pods(scenario: &Scenario, namespace: &SmolStr) -> Vec<load::ScenarioPods> {
    let entry = |p: &crate::traffic::scenario::ScenarioPod| load::ScenarioPods {
        name: p.name.clone(),
        namespace: if p.namespace.is_empty() { namespace.clone() } else { p.namespace.clone() },
        labels: p.labels.clone(),
        count: p.count,
        ready: Some(p.ready),
        at: p.at,
    };
    scenario.pods.iter().map(entry).collect()
}

/// Runs all stages.
///
/// # Errors
/// Unreadable inputs, refused documents (unless they are to be skipped), unknown proxies.
pub(crate) fn open(inputs: Inputs, options: &Options) -> Result<Workspace, Refused> {
    resolve(Texts::read(inputs, options), options, |_| {}, Further::Clients)
}

/// [`open`] for those who ask about its points of view and about no further client.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_for_its_points(inputs: Inputs, options: &Options) -> Result<Workspace, Refused> {
    resolve(Texts::read(inputs, options), options, |_| {}, Further::Nobody)
}

/// Who may be asked for besides the points of view of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Further {
    /// All that the manifests know.
    Clients,
    #[cfg(feature = "cli")]
    Nobody,
}

/// [`open`] and [`review`] of the same inputs, which are read once. `keep` sees what the mesh is made of: all that is in force or
/// assumed.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_and_review(
    inputs: Inputs,
    options: &Options,
    keep: impl FnOnce(&Manifests) + Send,
) -> Result<(Workspace, Reviewed), Refused> {
    open_looking(inputs, options, |reviewed| reviewed, keep)
}

/// The same with what `look` makes of the review, while the mesh is resolved.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_looking<T: Send>(
    inputs: Inputs,
    options: &Options,
    look: impl FnOnce(Reviewed) -> T + Send,
    keep: impl FnOnce(&Manifests) + Send,
) -> Result<(Workspace, T), Refused> {
    let (texts, reviewed) = read(inputs, options);
    let (seen, resolved) = parallel::join(|| look(reviewed), || resolve(texts, options, keep, Further::Clients));
    Ok((resolved?, seen))
}

/// Inputs that were read, for both that need it: [`Texts::resolve`] gives what [`open`] gives, and the other is what [`review`] gives.
pub(crate) fn read(inputs: Inputs, options: &Options) -> (Texts, Reviewed) {
    let texts = Texts::read(inputs, options);
    // A review takes documents that got a name for what they are; `base` is its own alone.
    let reviewed = if texts.admitted.named > 0 || !texts.inputs.base.is_empty() {
        review(texts.inputs.clone(), options)
    } else {
        found(texts.inputs.clone(), options, (texts.admitted.clone(), None), Vec::new())
    };
    (texts, reviewed)
}

/// [`open`], with the manifests that the mesh is made of: all that is in force or assumed.
///
/// # Errors
/// Those of [`open`].
#[cfg(feature = "cli")]
pub(crate) fn open_keeping(inputs: Inputs, options: &Options) -> Result<(Workspace, Manifests), Refused> {
    let mut kept = Manifests::default();
    let keep = |manifests: &Manifests| kept = manifests.clone();
    let workspace = resolve(Texts::read(inputs, options), options, keep, Further::Clients)?;
    Ok((workspace, kept))
}

/// Inputs with what was read of them.
#[derive(Debug)]
pub(crate) struct Texts {
    inputs: Inputs,
    /// What proxies run, which is in no manifest.
    running: Vec<config::Running>,
    admitted: Admitted,
}

impl Texts {
    fn read(mut inputs: Inputs, options: &Options) -> Texts {
        let configurations = running::take(&mut inputs);
        let (running, unread) =
            config::read(&inputs.sources, &configurations, std::mem::take(&mut inputs.streamed), &options.namespace);
        inputs.findings.extend(unread);
        let admitted = admit(&inputs, options, &running);
        Texts { inputs, running, admitted }
    }

    /// Goes on from what was read.
    ///
    /// # Errors
    /// Those of [`open`].
    pub(crate) fn resolve(self, options: &Options) -> Result<Workspace, Refused> {
        resolve(self, options, |_| {}, Further::Clients)
    }

    /// Whether they are surely refused, whatever their mesh would be.
    pub(crate) fn are_refused(&self, options: &Options) -> bool {
        !options.skip_invalid && self.admitted.findings.iter().any(|f| f.severity == Severity::Error)
    }
}

/// `keep` sees what the mesh is made of.
fn resolve(
    texts: Texts,
    options: &Options,
    keep: impl FnOnce(&Manifests),
    further: Further,
) -> Result<Workspace, Refused> {
    let Texts { inputs, running, admitted } = texts;
    let Admitted { istio, mut manifests, mut findings, overlaid, documents, named, .. } = admitted;
    let Inputs { name, sources, scenario, .. } = inputs;
    let renaming = Renaming(&options.map_namespaces);
    let mut scenario = scenario.map(|(_, s)| s);
    if let Some(scenario) = &mut scenario {
        renaming.scenario(scenario);
    }
    let namespace = renaming.namespace(&options.namespace);
    for f in &mut findings {
        // What stands in a document concerns that document alone; a scenario that can't be read concerns everything.
        if options.skip_invalid && f.severity == Severity::Error && f.at.is_known() && f.id != "scenario" {
            f.severity = Severity::Warning;
        }
    }
    let mut assumed = assume::objects(&mut manifests, &findings, options.assume);
    assumed.names = named;
    // What is given and not seen is not missing, and nothing is assumed for it.
    findings.extend(discovery::leave_out_unseen(&mut manifests));
    let somebody = further == Further::Clients || proxies::are_of_manifests(&options.proxies, scenario.as_ref());
    let (mut clients, mut pods) = if somebody {
        let pods = || manifests.pods.iter().map(KnownPod::of).collect();
        parallel::join(|| clients::clients(&manifests, &namespace), pods)
    } else {
        (Vec::new(), Vec::new())
    };
    let chosen = if running.is_empty() {
        proxies::resolve(&options.proxies, scenario.as_ref(), &pods, &clients, &namespace)
    } else {
        running::resolve(&options.proxies, &running)
    };
    let chosen = chosen.map_err(|finding| findings.push(*finding));
    let (Ok(chosen), false) = (chosen, findings.iter().any(|f| f.severity == Severity::Error)) else {
        return Err(Refused { sources, findings });
    };
    if further != Further::Clients {
        pods = Vec::new();
    }
    let not_modelled = manifests.not_modelled.clone();
    #[cfg(feature = "cli")]
    let controlled = manifests.rollouts().cloned().collect();
    // Last: nobody looks at the mesh from an assumed pod.
    let has_none = scenario.as_ref().is_some_and(|s| s.has_no_pods);
    if options.assume.pods && !has_none {
        assumed.pods = assume::pods(&mut manifests);
    }
    keep(&manifests);
    let of_running = !running.is_empty();
    let runtime = running::switches(&running);
    let mut mesh = Mesh::build(manifests);
    if of_running {
        mesh.running = running::tables(running, &mesh);
    }
    let own = if chosen.own { classes(&clients, &[&mesh], &namespace) } else { Vec::new() };
    if further != Further::Clients {
        clients = Vec::new();
    }
    let named: Vec<Class> = chosen.named.iter().map(Class::of_proxy).collect();
    let points = PointsOfView { classes: own.into_iter().chain(named.clone()).collect(), own: chosen.own };
    let proxies = points.proxies().cloned().collect();
    Ok(Workspace {
        name,
        sources,
        scenario,
        mesh,
        points,
        proxies,
        named,
        clients,
        of_running,
        runtime,
        namespace,
        findings,
        assumed,
        overlaid,
        istio,
        documents,
        pods,
        not_modelled,
        #[cfg(feature = "cli")]
        controlled,
    })
}

impl Workspace {
    /// The switches of the modelled Envoy: the scenario's over the defaults.
    ///
    /// # Errors
    /// A switch that doesn't exist.
    pub(crate) fn switches(&self) -> Result<Switches, String> {
        let own = Switches::of(self.istio.profile).with(&self.runtime)?;
        let Some(scenario) = &self.scenario else { return Ok(own) };
        own.with(&scenario.switches).map_err(|e| format!("scenario: `envoy`: {e}"))
    }

    /// A point of view by name: one of the run's, else what `--proxy` takes.
    ///
    /// # Errors
    /// No proxy is called that.
    pub(crate) fn proxy(&self, name: &str, namespace: &str) -> Result<Arc<Proxy>, Box<Finding>> {
        if let Some(known) = self.proxies.iter().find(|p| p.name == name) {
            return Ok(known.clone());
        }
        if self.of_running {
            return Err(Box::new(running::unknown(name, self.proxies.iter())));
        }
        proxies::named(name, self.scenario.as_ref(), (&self.pods, &self.clients), namespace).map(Arc::new)
    }

    /// The point of view of what names none: the first that was asked for or that the scenario lists, else the client without labels.
    pub(crate) fn default_proxy(&self) -> Option<Arc<Proxy>> {
        if !self.points.own {
            return self.proxies.first().cloned();
        }
        Some(Arc::new(proxies::client(&self.namespace)))
    }

    /// Lets go what tables of its points of view don't need: they say where their parts were written, and not what stands there.
    #[cfg(feature = "cli")]
    pub(crate) fn keep_for_tables(&mut self) {
        self.sources.keep_names();
    }

    /// Makes what proxies run comparable with what manifests say: what only one of both can know is taken from the manifests (CF-7).
    #[cfg(feature = "cli")]
    pub(crate) fn held_against(&mut self, written: &Workspace) {
        if self.of_running && !written.of_running {
            running::beside(&mut self.mesh, &written.mesh);
        }
    }

    #[cfg(feature = "cli")]
    /// All clients that the manifests know, whoever was asked for.
    pub(crate) fn everybody(&self) -> PointsOfView {
        if self.points.own {
            return self.points.clone();
        }
        let own = classes(&self.clients, &[&self.mesh], &self.namespace);
        PointsOfView { classes: own, own: true }
    }

    /// The points of view for a comparison with the mesh as it was before: members of a class are alike in both. Clients of
    /// namespaces that have none any more look too.
    pub(crate) fn points_beside(&self, older: &Workspace) -> PointsOfView {
        // What a proxy has is held against what the manifests would give that very proxy.
        if older.of_running && !self.of_running {
            return older.points.clone();
        }
        if !self.points.own {
            return self.points.clone();
        }
        let inhabited: BTreeSet<&SmolStr> = self.clients.iter().map(|c| &c.proxy.namespace).into_set();
        let gone = older.clients.iter().filter(|c| !inhabited.contains(&c.proxy.namespace));
        let clients: Vec<Client> = self.clients.iter().chain(gone).cloned().collect();
        let own = classes(&clients, &[&self.mesh, &older.mesh], &self.namespace);
        PointsOfView { classes: own.into_iter().chain(self.named.clone()).collect(), own: true }
    }
}

/// Only reads and reviews; refused documents are findings like all others.
pub(crate) fn review(mut inputs: Inputs, options: &Options) -> Reviewed {
    let configurations = running::take(&mut inputs);
    // An unnamed document is a finding here, as it is for the API server.
    let options = &Options { assume: Assume { names: false, ..options.assume }, ..options.clone() };
    let mut admitted = admit(&inputs, options, &[]);
    let base = (!inputs.base.is_empty()).then(|| {
        let before =
            Inputs { manifests: inputs.base.clone(), findings: Vec::new(), base: Vec::new(), ..inputs.clone() };
        let Admitted { manifests, findings, .. } = admit(&before, options, &[]);
        admitted.findings.extend(findings.into_iter().filter(|f| f.id == "load" && f.severity == Severity::Error));
        manifests
    });
    found(inputs, options, (admitted, base), configurations)
}

fn found(
    inputs: Inputs,
    options: &Options,
    (mut admitted, base): (Admitted, Option<Manifests>),
    configurations: Vec<FileId>,
) -> Reviewed {
    // What is missing is what is looked for: only Services are taken for granted, without which hardly anything could be said.
    let assumed = if options.assume.services { assume::services(&mut admitted.manifests) } else { Vec::new() };
    admitted.findings.extend(discovery::leave_out_unseen(&mut admitted.manifests));
    let scenario = inputs.scenario.map(|(_, scenario)| scenario);
    let gateways = proxies::gateways(scenario.as_ref(), &admitted.manifests, &options.namespace);
    Reviewed {
        sources: inputs.sources,
        findings: admitted.findings,
        manifests: admitted.manifests,
        refused: admitted.refused,
        istio: admitted.istio,
        base,
        overlaid: admitted.overlaid,
        assumed,
        configurations,
        scenario,
        gateways,
    }
}
