//! `towtank routes`.

use crate::parallel::prelude::*;
use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, output};
use crate::istio::translate;
use crate::tool::report;

#[derive(Debug, Args)]
pub(super) struct RoutesArgs {
    #[command(flatten)]
    common: CommonArgs,

    /// Only virtual hosts with this text in their name or domains
    #[arg(long, value_name = "TEXT")]
    host: Option<String>,

    /// Only tables and listeners of this port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// table for people, json or yaml for programs, envoy for Envoy's own configuration form
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
    Envoy,
}

pub(super) fn run(args: &RoutesArgs) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let all = input::gather(&args.common);
    let only_one = all.len() == 1;
    for inputs in all {
        let Some(workspace) = input::open(inputs, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        let view = report::routes::View {
            host: args.host.clone(),
            port: args.port,
            width: output::width(),
            color: output::color(args.common.color),
        };
        let texts: Vec<Vec<u8>> = workspace
            .points
            .classes
            .par_iter()
            .enumerate()
            .map(|(i, class)| {
                let table = translate::route_table(&workspace.mesh, &class.proxy);
                let whose = workspace.points.audience(&[i]);
                let json = || report::routes::to_json(&table, &whose, &workspace.sources, &view);
                let text = match args.output {
                    Format::Table => report::routes::to_text(&table, &whose, &workspace.sources, &view).into_bytes(),
                    Format::Json => json(),
                    Format::Yaml => yaml_document(&json()),
                    Format::Envoy => report::envoy::to_json(&table, &workspace.sources),
                };
                if only_one && workspace.proxies.len() == 1 {
                    std::mem::forget(table);
                }
                text
            })
            .collect();
        for (i, text) in texts.iter().enumerate() {
            if i > 0 && args.output == Format::Table {
                output::write(b"\n")?;
            }
            output::write(text)?;
            if !text.ends_with(b"\n") {
                output::write(b"\n")?;
            }
        }
        // The process ends here; to take a large mesh apart first would cost time and change nothing.
        if only_one {
            std::mem::forget(workspace);
        }
    }
    Ok(exit)
}

/// The JSON output as a YAML document of its own.
fn yaml_document(json: &[u8]) -> Vec<u8> {
    // What is written as JSON reads back, and every JSON value has a YAML form.
    let value: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
    let text = serde_yaml::to_string(&value).unwrap_or_default();
    format!("---\n{text}").into_bytes()
}
