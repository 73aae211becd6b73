//! The options that every command with manifests takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options that every command with manifests takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct CommonArgs {
    /// Files, folders or scenario folders; `-` is standard input
    #[arg(value_name = "PATH", required = true, help_heading = None::<&str>)]
    pub paths: Vec<PathBuf>,

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

    /// Whether hosts without a Service get an assumed one where no Service is given at all
    #[arg(long, value_enum, default_value_t = AssumeServices::Auto)]
    pub assume_services: AssumeServices,

    /// Let scenarios name files outside of the repository that they are in (without one: of the folder given as PATH)
    #[arg(long)]
    pub allow_outside: bool,

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
