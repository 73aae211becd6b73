//! The options that every command with manifests takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use crate::manifest::release::{Release, UnknownRelease};

/// Options that every command with manifests takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct CommonArgs {
    /// Files, folders or scenario folders; `-` is standard input, git:REV or git:REV:PATH a revision (git:main:manifests), A+B is
    /// A with B laid over it (cluster.yaml+change)
    #[arg(value_name = "PATH", required = true, help_heading = None::<&str>)]
    pub paths: Vec<PathBuf>,

    /// Lay these manifests over the others: objects of the same kind, namespace and name are replaced (repeatable)
    #[arg(long, value_name = "PATH")]
    pub overlay: Vec<PathBuf>,

    // In a doc comment the brackets would be a link.
    #[arg(
        long,
        value_name = "NAME",
        help = "The point of view: a proxy of the scenario, sidecar:NS[:labels], pod:NS/NAME or gateway:NS:labels (repeatable)"
    )]
    pub proxy: Vec<String>,

    /// Namespace of documents that name none
    #[arg(short = 'n', long, value_name = "NS", default_value = "default")]
    pub namespace: String,

    /// Istio MeshConfig (YAML)
    #[arg(long, value_name = "FILE")]
    pub mesh_config: Option<PathBuf>,

    /// What to do with documents that Istio's admission would refuse
    #[arg(long, value_enum, default_value_t = Invalid::Reject)]
    pub invalid: Invalid,

    /// What to do with fields that a kind doesn't have
    #[arg(long, value_enum, default_value_t = UnknownFieldsArg::Error)]
    pub unknown_fields: UnknownFieldsArg,

    /// What to take for granted where it is not given: auto, never, or each kind by itself, as in services=never,pods=auto
    /// (services, pods, gateways, names)
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = assumption, default_value = "auto")]
    pub assume: Vec<Assumption>,

    /// As `--assume never`, before there were kinds
    #[arg(long, value_enum, default_value_t = AssumeServices::Auto, hide = true)]
    pub assume_services: AssumeServices,

    /// Let scenarios name files outside of the repository that they are in
    #[arg(long)]
    pub allow_outside: bool,

    /// Leave out what fits a pattern, as in `**/test/**`; a name without `/` fits anywhere (repeatable)
    #[arg(long, value_name = "GLOB", value_parser = pattern)]
    pub exclude: Vec<globset::Glob>,

    /// Whether tools are run for folders that are theirs: auto runs `kustomize build` (or `kubectl kustomize`), `helm template` or
    /// `helmfile template`, and follows what Argo CD and Flux deploy from the same repository; never reads files as they are
    #[arg(long, value_enum, default_value_t = RenderArg::Never)]
    pub render: RenderArg,

    /// A file with values for Helm charts (repeatable)
    #[arg(long, value_name = "FILE", requires = "render")]
    pub values: Vec<PathBuf>,

    /// Take a namespace for another, to compare environments: staging=prod (repeatable)
    #[arg(long, value_name = "A=B", value_parser = renamed)]
    pub map_namespace: Vec<(SmolStr, SmolStr)>,

    /// The Istio that reads the manifests: 1.28, 1.29, 1.30, 1.31, a patch release such as 1.30.2, or master. Default: what the
    /// scenario says, else what the manifests install, else 1.31
    #[arg(long, value_name = "RELEASE", value_parser = releases)]
    pub istio: Option<Releases>,

    /// A flag of Istiod, as in PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=false (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub istiod_env: Vec<(SmolStr, SmolStr)>,

    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Colours
    #[arg(long, value_enum, default_value_t = ColorArg::Auto)]
    pub color: ColorArg,

    /// Say nothing but results and errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Say more about what was read and assumed
    #[arg(short, long)]
    pub verbose: bool,
}

/// What of a long report is shown.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Length of the report")]
pub(super) struct LengthArgs {
    /// Entries of each group that are shown; what fits a screen unless said
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub top: Option<usize>,

    /// Everything, however long the report gets
    #[arg(long)]
    pub all: bool,

    /// Report only hosts with this text in their name (repeatable)
    #[arg(long, value_name = "TEXT")]
    pub host: Vec<String>,

    /// Report only what belongs to this namespace (repeatable)
    #[arg(long, value_name = "NS")]
    pub in_namespace: Vec<String>,
}

impl LengthArgs {
    /// Whether the report is of a part of all hosts.
    pub(super) fn narrows(&self) -> bool {
        !self.host.is_empty() || !self.in_namespace.is_empty()
    }

    /// Entries that a page shows of each group; None: what makes an ordinary page.
    pub(super) fn most(&self) -> Option<usize> {
        if self.all { Some(usize::MAX) } else { self.top }
    }

    /// Whether a host, by its full name and with or without a port, is to be reported.
    pub(super) fn shows_host(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let named = self.host.is_empty() || self.host.iter().any(|h| name.contains(&h.to_ascii_lowercase()));
        let (host, _) = name.rsplit_once(':').unwrap_or((&name, ""));
        let mut parts = host.split('.').skip(1);
        let namespace = parts.next();
        let in_mesh = parts.next().is_none_or(|svc| svc == "svc");
        let inside = |ns: &String| in_mesh && namespace == Some(ns.as_str());
        named && (self.in_namespace.is_empty() || self.in_namespace.iter().any(inside))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Invalid {
    /// Report all of them and stop
    Reject,
    /// Leave each out with a warning
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum UnknownFieldsArg {
    /// As `kubectl apply`: the document is invalid
    Error,
    /// As the API server for other clients: ignore the field with a warning
    Warn,
}

/// One entry of `--assume`: a kind, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Assumption {
    pub kind: Option<AssumedKind>,
    pub auto: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AssumedKind {
    Services,
    Pods,
    Gateways,
    Names,
}

fn release(text: &str) -> Result<Release, String> {
    text.parse().map_err(|unknown: UnknownRelease| unknown.to_string())
}

/// One release, or two of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Releases {
    /// Only `diff` takes two.
    pub from: Option<Release>,
    pub to: Release,
}

/// `1.30`, or `1.29..1.31` for what lies between them.
fn releases(text: &str) -> Result<Releases, String> {
    match text.split_once("..") {
        Some((from, to)) => Ok(Releases { from: Some(release(from)?), to: release(to)? }),
        None => Ok(Releases { from: None, to: release(text)? }),
    }
}

impl CommonArgs {
    /// Two releases are for those who compare.
    ///
    /// # Errors
    /// There are two.
    pub(super) fn one_release(&self) -> anyhow::Result<()> {
        match self.istio {
            Some(Releases { from: Some(from), to }) => {
                anyhow::bail!("--istio {from}..{to}: two releases are compared by `towtank diff`; name one here")
            }
            _ => Ok(()),
        }
    }
}

/// `NAME=VALUE` of `--istiod-env`.
fn variable(text: &str) -> Result<(SmolStr, SmolStr), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE, as in PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=false".to_owned()),
    }
}

fn assumption(text: &str) -> Result<Assumption, String> {
    let (kind, how) = match text.split_once('=') {
        Some((kind, how)) => (Some(kind), how),
        None => (None, text),
    };
    let kind = match kind {
        None => None,
        Some("services") => Some(AssumedKind::Services),
        Some("pods") => Some(AssumedKind::Pods),
        Some("gateways") => Some(AssumedKind::Gateways),
        Some("names") => Some(AssumedKind::Names),
        Some(other) => return Err(format!("`{other}` is never assumed: write services, pods, gateways or names")),
    };
    match how {
        "auto" => Ok(Assumption { kind, auto: true }),
        "never" => Ok(Assumption { kind, auto: false }),
        _ => Err("write auto, never, or KIND=auto and KIND=never, as in services=never,pods=auto".to_owned()),
    }
}

fn pattern(text: &str) -> Result<globset::Glob, String> {
    globset::GlobBuilder::new(text).literal_separator(true).build().map_err(|error| error.kind().to_string())
}

fn renamed(text: &str) -> Result<(SmolStr, SmolStr), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() && !to.contains('=') => Ok((from.into(), to.into())),
        _ => Err("write two namespaces, as in staging=prod".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RenderArg {
    Auto,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AssumeServices {
    Auto,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorArg {
    Auto,
    Always,
    Never,
}
