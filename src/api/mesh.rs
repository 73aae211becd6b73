//! A mesh: manifests read, judged and resolved.

use std::io::Read;
#[cfg(feature = "files")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::SmolStr;

#[cfg(feature = "cli")]
use super::rollout::{Rollout, Way};
use super::{Changes, Error, Finding, Options, Report, Settings, Table};
use crate::analysis::checks;
use crate::analysis::compare::{LogResult, WhatIf, limits, logged};
use crate::analysis::diff::{self, Effort, Meshes};
#[cfg(feature = "cli")]
use crate::analysis::policy::Traffic;
use crate::analysis::policy::{Assumptions, Load, Rule, UnknownTarget, of_streams};
#[cfg(feature = "cli")]
use crate::analysis::rollout;
use crate::envoy::proxy;
use crate::envoy::router::{Router, Switches};
use crate::envoy::words;
use crate::istio::translate;
#[cfg(feature = "files")]
use crate::manifest::diagnostic;
use crate::manifest::load::UnknownFields;
use crate::manifest::release::UnknownRelease;
use crate::manifest::source::SourceMap;
#[cfg(feature = "files")]
use crate::tool::files::{Exclude, Places, Session};
use crate::traffic::recorded::{self, Log};
use crate::traffic::replay::{self, Lenses, Override, Pair, Progress, Recorded, Simulation};
use crate::traffic::workspace::{self, Assume, AssumedPods, Inputs, Workspace};

/// Everything that was given, as Istio would resolve it: what all questions are asked of.
///
/// ```
/// use towtank::{Mesh, Options};
///
/// let manifests = "
/// apiVersion: networking.istio.io/v1
/// kind: VirtualService
/// metadata: {name: reviews}
/// spec:
///   hosts: [reviews]
///   http:
///   - route:
///     - {destination: {host: reviews, port: {number: 9080}, subset: v1}, weight: 90}
///     - {destination: {host: reviews, port: {number: 9080}, subset: v2}, weight: 10}
/// ";
/// let mesh = Mesh::from_texts([("reviews.yaml", manifests)], &Options::default())?;
/// let table = mesh.table(&mesh.proxies()[0]);
/// let request = "GET http://reviews:9080/1".parse()?;
/// // No DestinationRule defines the subsets: both are lost.
/// let lost: f64 = table.decide(&request).shares().filter(|(_, _, o)| o.is_lost()).map(|(_, share, _)| share).sum();
/// assert_eq!(lost, 1.0);
/// # Ok::<(), towtank::Error>(())
/// ```
#[derive(Debug)]
pub struct Mesh {
    workspace: Workspace,
    sources: Arc<SourceMap>,
    switches: Switches,
    namespace: String,
    /// What it was opened with, for what is asked of the manifests as they were written.
    inputs: Inputs,
    options: workspace::Options,
}

/// A point of view: one Envoy, a sidecar or a gateway. There is no such thing as the route table of a mesh, only that of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    inner: Arc<proxy::Proxy>,
}

impl Proxy {
    /// As reports show it, and as `--proxy` and [`Mesh::proxy`] take it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The namespace whose resources it sees.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// False for a sidecar.
    pub fn is_gateway(&self) -> bool {
        self.inner.kind == proxy::ProxyKind::Gateway
    }
}

impl Mesh {
    /// Opens a mesh of texts, each with the name that messages show for it. A text named `scenario.yaml` is a scenario: its proxies,
    /// pods, mesh settings and streams count; the other texts are its manifests, whatever its `manifests` lists.
    ///
    /// # Errors
    /// [`Error::Refused`] where a text can't be read, or a document would be refused and [`Options::skip_invalid`] isn't set;
    /// [`Error::Proxy`] for a point of view that there isn't, [`Error::Istio`] for a release that isn't known.
    pub fn from_texts<N, T>(texts: impl IntoIterator<Item = (N, T)>, options: &Options) -> Result<Mesh, Error>
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        Mesh::open_inputs(Inputs::of_texts(texts), options)
    }

    /// Opens a mesh of files and folders: of plain manifests, or of one scenario, which is a folder with a `scenario.yaml`, and
    /// manifests beside its own. As on the command line, `git:REV[:PATH]` is a revision of the repository that the current folder is
    /// in, which `git` is run to read, and `a+b` is b laid over a.
    ///
    /// ```
    /// use towtank::{Mesh, Options};
    ///
    /// let mesh = Mesh::from_paths(["scenarios/match-priority"], &Options::default())?;
    /// assert_eq!(mesh.proxies()[0].namespace(), "default");
    /// # Ok::<(), towtank::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Mesh::from_texts`]; [`Error::Refused`] also where a path can't be read, and where there are several scenarios.
    #[cfg(feature = "files")]
    pub fn from_paths<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, options: &Options) -> Result<Mesh, Error> {
        let paths: Vec<PathBuf> = paths.into_iter().map(|p| p.as_ref().to_owned()).collect();
        let exclude = Exclude::default();
        let session = Session::default();
        let (exclude, session) = (&exclude, &session);
        let places = Places { paths: &paths, overlays: &[], mesh_config: None, allow_outside: false, exclude, session };
        let mut meshes = places.gather();
        if meshes.len() > 1 {
            let names: Vec<&str> = meshes.iter().map(|m| m.name.as_str()).collect();
            let message = format!("a mesh is of one scenario, and there are {}", names.join(", "));
            let finding = diagnostic::Finding::new("load", diagnostic::Severity::Error, message);
            return Err(Error::Refused(Finding::all(&[finding], &SourceMap::default())));
        }
        Mesh::open_inputs(meshes.pop().unwrap_or_default(), options)
    }

    fn open_inputs(inputs: Inputs, options: &Options) -> Result<Mesh, Error> {
        let release = options.istio.as_deref().map(str::parse).transpose();
        let release = release.map_err(|unknown: UnknownRelease| Error::Istio(unknown.to_string()))?;
        let how = workspace::Options {
            namespace: SmolStr::new(&options.namespace),
            unknown_fields: match options.ignore_unknown_fields {
                true => UnknownFields::Warn,
                false => UnknownFields::Error,
            },
            skip_invalid: options.skip_invalid,
            assume: if options.assume { Assume::AUTO } else { Assume::NEVER },
            map_namespaces: Vec::new(),
            istio: workspace::Asked { release, ..workspace::Asked::default() },
            proxies: options.proxies.clone(),
        };
        let workspace = workspace::open(inputs.clone(), &how).map_err(|refused| {
            match refused.findings.iter().find(|f| f.id == "proxy") {
                Some(proxy) => Error::Proxy(with_hint(proxy)),
                None => Error::Refused(Finding::all(&refused.findings, &refused.sources)),
            }
        })?;
        let switches = workspace.switches().map_err(Error::Streams)?;
        let sources = Arc::new(workspace.sources.clone());
        Ok(Mesh { workspace, sources, switches, namespace: options.namespace.clone(), inputs, options: how })
    }

    /// The points of view: those that were asked for, else the scenario's, else the mesh's own, one for all clients that cannot differ.
    pub fn proxies(&self) -> Vec<Proxy> {
        self.workspace.proxies.iter().map(|p| Proxy { inner: p.clone() }).collect()
    }

    /// A point of view by name, or by description: `sidecar:NAMESPACE:app=web`, `pod:NAMESPACE/NAME`, `gateway:NAMESPACE:key=value`.
    ///
    /// # Errors
    /// [`Error::Proxy`] where none is called that.
    pub fn proxy(&self, name: &str) -> Result<Proxy, Error> {
        let found = self.workspace.proxy(name, &self.namespace);
        found.map(|inner| Proxy { inner }).map_err(|finding| Error::Proxy(with_hint(&finding)))
    }

    /// What there is to say about the manifests that were read, besides what [`Mesh::check`] finds. None is an error.
    pub fn findings(&self) -> Vec<Finding> {
        Finding::all(&self.workspace.findings, &self.sources)
    }

    /// What was not given and is taken for granted, in words; empty where nothing was.
    pub fn assumed(&self) -> impl Iterator<Item = String> {
        self.workspace.assumed.told().into_iter()
    }

    /// The route table of one proxy, compiled.
    pub fn table(&self, proxy: &Proxy) -> Table {
        let table = Arc::new(translate::route_table(&self.workspace.mesh, &proxy.inner));
        let release = self.workspace.istio.profile.release().to_string();
        Table { router: Arc::new(Router::new(table, &self.switches)), release, sources: self.sources.clone() }
    }

    /// Replays the streams of the scenario, else one for each host of each point of view, spread over its routes.
    ///
    /// # Errors
    /// [`Error::Streams`] where a stream can't be run.
    pub fn simulate(&self, settings: &Settings) -> Result<Report, Error> {
        let how = self.replay_settings(settings);
        let simulation =
            Simulation::prepare(&self.workspace.mesh, &self.workspace.points, self.workspace.scenario.as_ref(), &how);
        let simulation = simulation.map_err(streams_error)?;
        let streams = counted(&simulation, settings);
        let rules = self.supposed(&self.workspace, &simulation, &streams, settings)?;
        Ok(Report { rules, ..self.report(settings, streams, None, None) })
    }

    /// Replays the same requests on this mesh and on `older`, which was in force before.
    ///
    /// # Errors
    /// [`Error::Streams`] where a stream can't be run.
    pub fn diff(&self, older: &Mesh, settings: &Settings) -> Result<Report, Error> {
        let (new, old) = (&self.workspace, &older.workspace);
        let scenario = new.scenario.as_ref().or(old.scenario.as_ref());
        let how = self.replay_settings(settings);
        let pair =
            Pair::prepare(&old.mesh, &new.mesh, &new.points_beside(old), scenario, &how).map_err(streams_error)?;
        let what_if = WhatIf::new(&pair, counted(&pair.before, settings));
        let limits = limits::compared(&old.not_modelled, &new.not_modelled);
        let streams = counted(&pair.now, settings);
        let author = if new.scenario.is_some() { new } else { old };
        let rules = self.supposed(author, &pair.now, &streams, settings)?;
        Ok(Report { limits, rules, ..self.report(settings, streams, Some(what_if), None) })
    }

    /// Compares all that this mesh and `older`, which was in force before, do with requests: for every client and every request
    /// there is, not only for streams.
    ///
    /// ```
    /// use towtank::{Mesh, Options};
    ///
    /// let rule = |seconds: u32| format!("
    /// apiVersion: networking.istio.io/v1
    /// kind: VirtualService
    /// metadata: {{name: cart}}
    /// spec: {{hosts: [cart], http: [{{timeout: {seconds}s, route: [{{destination: {{host: cart}}}}]}}]}}
    /// ");
    /// let open = |text: String| Mesh::from_texts([("cart.yaml", text)], &Options::default());
    /// let (older, mesh) = (open(rule(15))?, open(rule(2))?);
    /// let changes = mesh.changes(&older)?;
    /// let change = changes.iter().next().expect("a change");
    /// assert_eq!(change.kind(), "policy");
    /// assert_eq!(change.fields().next(), Some(("timeout", "15s", "2s")));
    /// # Ok::<(), towtank::Error>(())
    /// ```
    ///
    /// # Errors
    /// None yet; what may fail in time has its place.
    pub fn changes(&self, older: &Mesh) -> Result<Changes, Error> {
        let (new, old) = (&self.workspace, &older.workspace);
        let points = new.points_beside(old);
        let meshes = Meshes::new((&old.mesh, &older.switches), (&new.mesh, &self.switches));
        let proxies = meshes.diff(&points, Effort::default());
        let edits = diff::without_effect(&Inputs::prints([&older.inputs, &self.inputs], &new.namespace, &[]), &proxies);
        Ok(Changes {
            proxies,
            points,
            edits,
            limits: limits::compared(&old.not_modelled, &new.not_modelled),
            assumed: new.assumed.told(),
            sources: [older.sources.clone(), self.sources.clone()],
        })
    }

    /// The way from `older`, which is in force, to this mesh: in which orders objects may be applied without losing a request, and the
    /// way back. With the feature `cli`, as everything about rollouts.
    ///
    /// ```
    /// use towtank::{Mesh, Options};
    ///
    /// let mesh = |v: &str| Mesh::from_texts([("cart.yaml", format!("
    /// apiVersion: networking.istio.io/v1
    /// kind: DestinationRule
    /// metadata: {{name: cart}}
    /// spec: {{host: cart, subsets: [{{name: {v}, labels: {{version: v1}}}}]}}
    /// ---
    /// apiVersion: networking.istio.io/v1
    /// kind: VirtualService
    /// metadata: {{name: cart}}
    /// spec: {{hosts: [cart], http: [{{route: [{{destination: {{host: cart, subset: {v}}}}}]}}]}}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {{name: cart}}
    /// spec: {{selector: {{app: cart}}, ports: [{{name: http, port: 80}}]}}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {{name: cart-1, labels: {{app: cart, version: v1}}}}
    /// "))], &Options::default());
    /// // The subset gets another name, in both objects at once.
    /// let rollout = mesh("stable")?.rollout(&mesh("v1")?)?;
    /// assert!(!rollout.is_safe_at_once());
    /// // First the DestinationRule with both subsets, then the routes, then without the old one.
    /// assert_eq!(rollout.waves().map(|waves| waves.len()), Some(3));
    /// assert!(rollout.has_way_back());
    /// # Ok::<(), towtank::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] where one of the two can't be read again, [`Error::Istio`] where they are read by different releases.
    #[cfg(feature = "cli")]
    pub fn rollout(&self, older: &Mesh) -> Result<Rollout, Error> {
        if older.workspace.istio.profile != self.workspace.istio.profile {
            let text = "the two meshes are read by different releases of Istio: a rollout is of one";
            return Err(Error::Istio(text.to_owned()));
        }
        let sides = [older.inputs.clone(), self.inputs.clone()];
        let [mut was, mut is] = rollout::open_both(sides, [&older.options, &self.options])
            .map(|side| side.map_err(|refused| Error::Refused(Finding::all(&refused.findings, &refused.sources))))
            .into_iter()
            .collect::<Result<Vec<_>, Error>>()?
            .try_into()
            .map_err(|_| Error::Refused(Vec::new()))?;
        let plan = rollout::plan_of([&mut was, &mut is], self.options.unknown_fields, &self.switches);
        let limits = limits::limits(&is.0.not_modelled);
        let assumed = is.0.assumed.told();
        let title = "before -> now".to_owned();
        let relabelled = is.0.relabelled(&was.0);
        Ok(Rollout { title, road: Way::Change(Box::new(plan)), limits, assumed, relabelled, sources: is.0.sources })
    }

    /// Rehearses steps, each a name and the manifests that it lays over this mesh, in place of the objects of the same name. Steps don't
    /// build on each other. What a scenario supposes of pods is followed through them.
    ///
    /// ```
    /// use towtank::{Mesh, Options};
    ///
    /// let mesh = Mesh::from_paths(["scenarios/canary-90-10"], &Options::default())?;
    /// let half = "
    /// apiVersion: networking.istio.io/v1
    /// kind: VirtualService
    /// metadata: {name: reviews, namespace: default}
    /// spec:
    ///   hosts: [reviews]
    ///   http:
    ///   - route:
    ///     - {destination: {host: reviews, subset: v1}, weight: 50}
    ///     - {destination: {host: reviews, subset: v2}, weight: 50}
    /// ";
    /// let rollout = mesh.rehearse([("half", half)])?;
    /// assert!(!rollout.loses() && rollout.has_way_back());
    /// # Ok::<(), towtank::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] where a step can't be read, or would be refused; [`Error::Streams`] where the scenario supposes something of
    /// pods that no step has.
    #[cfg(feature = "cli")]
    pub fn rehearse<N, T>(&self, steps: impl IntoIterator<Item = (N, T)>) -> Result<Rollout, Error>
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let refused = |findings: &[_], sources: &SourceMap| Error::Refused(Finding::all(findings, sources));
        let step = |(name, text): (N, T)| rollout::Step {
            name: SmolStr::new(name.as_ref()),
            documents: vec![rollout::Document { file: "step.yaml".to_owned(), text: text.as_ref().to_owned() }],
            ..rollout::Step::default()
        };
        let described = rollout::Rollout {
            name: "steps".to_owned(),
            steps: steps.into_iter().map(step).collect(),
            ..rollout::Rollout::default()
        };
        let (workspace, today) = workspace::open_keeping(self.inputs.clone(), &self.options)
            .map_err(|error| refused(&error.findings, &error.sources))?;
        let supposed = workspace.scenario.as_ref().and_then(|s| s.suppose.as_ref());
        let traffic =
            Traffic { arrivals: None, clients: 1, requests: rollout::COUNTED, seed: Settings::default().seed };
        let supposed = supposed.map(|all| rollout::Supposed { assumptions: all, traffic });
        let unknown_fields = self.options.unknown_fields;
        let (rehearsal, sources) =
            rollout::rehearse_in(&workspace, today, &described, unknown_fields, &self.switches, supposed)
                .map_err(|(findings, sources)| refused(&findings, &sources))?;
        if !rehearsal.unknown.is_empty() {
            return Err(unknown_targets(&rehearsal.unknown, &sources));
        }
        Ok(Rollout {
            title: rehearsal.name.clone(),
            road: Way::Steps(Box::new(rehearsal)),
            limits: limits::limits(&workspace.not_modelled),
            relabelled: Vec::new(),
            assumed: workspace.assumed.told(),
            sources,
        })
    }

    /// Replays the requests of a log (any format that `--requests` takes). Those that name no proxy pass all clients
    /// that have their host, or the first proxy that was asked for.
    ///
    /// # Errors
    /// [`Error::Log`] where it can't be read or has no request, [`Error::Streams`] where there is no proxy.
    pub fn simulate_log(
        &self,
        name: &str,
        log: impl Read + Send + 'static,
        settings: &Settings,
    ) -> Result<Report, Error> {
        let reading = recorded::Settings::of_authority(settings.authority.as_deref());
        let mut log = Log::open(name, Box::new(log), reading).map_err(log_error)?;
        let how = self.replay_settings(settings);
        let first = self.workspace.default_proxy().ok_or_else(|| streams_error(replay::NotPossible::NoProxy))?;
        let defaults = (!self.workspace.points.own).then(|| vec![first.name.clone()]);
        let lenses = Lenses::of_meshes(defaults, (&self.workspace, None), &self.namespace, &self.switches);
        let sorted = replay::read(&mut log, &lenses, &Progress::default()).map_err(log_error)?;
        if sorted.read.requests == 0 {
            return Err(Error::Log(format!("{name}: there is no request in it")));
        }
        let recorded = replay::streams(name, &sorted, &lenses, &how).map_err(streams_error)?;
        let simulation = match &recorded {
            Recorded::One(simulation) => simulation,
            Recorded::Two(pair) => &pair.now,
        };
        let names = replay::names(&sorted, &lenses);
        let of = |stream: &replay::Prepared| {
            let (view, name) = (simulation.views.get(stream.view)?, names.get(stream.view)?);
            Some(logged(stream, view, sorted.kinds().filter(|k| k.proxy == *name)))
        };
        let changes = simulation.streams.iter().filter_map(of).collect();
        let streams = counted(simulation, settings);
        let rules = self.supposed(&self.workspace, simulation, &streams, settings)?;
        let log = LogResult { changes, sorted };
        Ok(Report { rules, ..self.report(settings, streams, None, Some(log)) })
    }

    /// What will probably not do what was meant, and what Istio's admission refuses or warns about, by place.
    pub fn check(&self) -> Vec<Finding> {
        let reviewed = workspace::review(self.inputs.clone(), &self.options);
        Finding::all(&checks::findings(reviewed), &self.sources)
    }

    /// What follows from the assumptions of a scenario about pods; None where it has none.
    fn supposed(
        &self,
        author: &Workspace,
        simulation: &Simulation,
        streams: &[replay::StreamSummary],
        settings: &Settings,
    ) -> Result<Option<Vec<Rule>>, Error> {
        let Some(list) = author.scenario.as_ref().and_then(|s| s.suppose.as_ref()) else { return Ok(None) };
        let tables = simulation.views.iter().map(|view| view.table());
        let assumptions =
            Assumptions::resolve(list, tables).map_err(|unknown| unknown_targets(&unknown, &author.sources))?;
        let load = Load { arrivals: None, clients: 1, seed: settings.seed };
        Ok(Some(of_streams(&simulation.views, streams, &assumptions, &load)))
    }

    fn replay_settings(&self, settings: &Settings) -> replay::Settings {
        replay::Settings {
            seed: settings.seed,
            amount: Override { count: settings.requests, ..Override::default() },
            chosen_proxies: !self.options.proxies.is_empty() && !self.workspace.points.own,
            switches: self.switches.clone(),
            ..replay::Settings::default()
        }
    }

    fn report(
        &self,
        settings: &Settings,
        streams: Vec<replay::StreamSummary>,
        against: Option<WhatIf>,
        log: Option<LogResult>,
    ) -> Report {
        Report {
            seed: settings.seed,
            exact: settings.exact,
            streams,
            against,
            log,
            limits: limits::limits(&self.workspace.not_modelled),
            istio: self.workspace.istio.line(),
            assumed: self.workspace.assumed.told(),
            partly_assumed: matches!(self.workspace.assumed.pods, AssumedPods::Namespaces(_)),
            sources: self.sources.clone(),
            rules: None,
        }
    }
}

fn counted(simulation: &Simulation, settings: &Settings) -> Vec<replay::StreamSummary> {
    if settings.exact { simulation.exact() } else { simulation.run(settings.seed, &Progress::default()) }
}

/// Assumptions about nothing that there is.
fn unknown_targets(unknown: &[UnknownTarget], sources: &SourceMap) -> Error {
    let told = unknown.iter().map(|u| format!("{}: {}; {}", words::place(u.at, sources), u.message, u.hint));
    Error::Streams(told.collect::<Vec<_>>().join("; "))
}

fn streams_error(error: replay::NotPossible) -> Error {
    Error::Streams(error.to_string())
}

fn log_error(error: recorded::Unreadable) -> Error {
    Error::Log(error.hint.as_ref().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}")))
}

fn with_hint(finding: &crate::manifest::diagnostic::Finding) -> String {
    finding.hint.as_ref().map_or_else(|| finding.message.clone(), |hint| format!("{}; {hint}", finding.message))
}
