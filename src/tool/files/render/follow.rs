//! Objects of Argo CD and Flux that deploy a folder of the repository that they stand in: what they point to is read as well.
//!
//! | object | folder | rendered with |
//! |---|---|---|
//! | Argo CD `Application` | `spec.source.path`, or each of `spec.sources` | `helm.releaseName`, `helm.valueFiles`, `helm.values`, `helm.valuesObject`, `destination.namespace` |
//! | Flux `Kustomization` | `spec.path` | |
//! | Flux `HelmRelease` | `spec.chart.spec.chart`, of a GitRepository | `releaseName`, `targetNamespace`, `values` |
//!
//! What else they say (patches, parameters, values from elsewhere) is said to be not evaluated, and what they deploy from elsewhere, or by
//! generators, to be not followed.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::deploys::{Deployed, deployed};
use super::program::Asked;
use super::roots::{self, Root, normal};
use super::{Rendered, Renderer};
use crate::manifest::source::{FileId, SourceMap};
use crate::tool::files::exclude::Exclude;
use crate::tool::files::place::Place;
use crate::tool::files::texts;

impl Renderer {
    /// Reads what the objects of these files deploy, and what those deploy in turn. `near`: a folder of the repository.
    pub(in crate::tool::files) fn follow(
        &self,
        near: &Path,
        files: &[FileId],
        exclude: &Exclude,
        sources: &mut SourceMap,
    ) -> Rendered {
        let mut out = Rendered::default();
        let Some(repository) = texts::bounds(near) else { return out };
        let urls = remotes(&repository);
        let mut seen: FxHashSet<(String, Option<String>, Option<String>)> = FxHashSet::default();
        let mut open: Vec<FileId> = files.to_vec();
        while let Some(file) = open.pop() {
            let text = sources.file(file).map(|f| f.text.clone()).unwrap_or_default();
            for deployed in deployed(&text) {
                if let Some(of) = &deployed.elsewhere {
                    self.note(format!("not followed: {} deploys {of}", deployed.object));
                    continue;
                }
                let key = (deployed.path.clone(), deployed.release.clone(), deployed.namespace.clone());
                if !seen.insert(key) {
                    continue;
                }
                let before = out.files.len();
                self.follow_one(&deployed, (&repository, &urls), exclude, sources, &mut out);
                open.extend(out.files.iter().skip(before));
            }
        }
        out
    }

    fn follow_one(
        &self,
        deployed: &Deployed,
        (repository, urls): (&Path, &[String]),
        exclude: &Exclude,
        sources: &mut SourceMap,
        out: &mut Rendered,
    ) {
        let Deployed { object, path, .. } = deployed;
        if let Some(url) = deployed.url.as_ref().filter(|url| !urls.is_empty() && !urls.contains(&plain_url(url))) {
            return self.note(format!("not followed: {object} deploys from another repository, {url}"));
        }
        let folder = normal(&repository.join(path.trim_start_matches("./").trim_start_matches('/')));
        if !folder.starts_with(repository) || !folder.is_dir() {
            return self
                .note(format!("not followed: {object} deploys `{path}`, which is no folder of this repository"));
        }
        if !deployed.not_evaluated.is_empty() {
            self.note(format!("not evaluated: {} of {object}", deployed.not_evaluated.join(", ")));
        }
        let folder = shorter(folder);
        let place = Place::Disk(folder.clone());
        let Some(root) = roots::of_folder(&place) else {
            self.note(format!("followed: {object} deploys {}", place.name()));
            let of_folder = if deployed.flat { self.manifests_of(&place, object) } else { vec![place] };
            let added = texts::add_chosen(sources, &of_folder, exclude, None);
            out.files.extend(added.files);
            return out.findings.extend(added.findings);
        };
        let mut values: Vec<PathBuf> = Vec::new();
        for file in &deployed.value_files {
            match self.value_file(file, deployed, &folder, (repository, urls)) {
                Some(path) => values.push(path),
                None => {
                    self.note(format!("not evaluated: the values {file} of {object}, which are of another repository"))
                }
            }
        }
        values.extend(self.render.values.iter().cloned());
        let asked = Asked {
            namespace: deployed.namespace.as_deref().unwrap_or(&self.render.namespace),
            release: deployed.release.as_deref(),
            values: &values,
            inline: deployed.values.as_deref(),
        };
        self.note(format!("followed: {object} deploys {}", place.name()));
        self.add_root(&Root { folder, ..root }, &asked, sources, out);
    }

    /// The manifests of a folder without those below it. What else Argo CD would make manifests of there is said.
    fn manifests_of(&self, folder: &Place, object: &str) -> Vec<Place> {
        let files = texts::walk(folder, &mut |place| place.is_file(), &mut Vec::new(), &mut Vec::new());
        let ends = |place: &Place, endings: &[&str]| {
            let name = place.file_name().unwrap_or_default();
            endings.iter().any(|ending| name.ends_with(ending))
        };
        if files.iter().any(|file| ends(file, &[".jsonnet"])) {
            self.note(format!("not evaluated: Jsonnet in {} of {object}", folder.name()));
        }
        files.into_iter().filter(|file| ends(file, &[".yaml", ".yml", ".json"])).collect()
    }

    /// A file with values, from the chart's folder or, behind `$NAME/`, from the repository of that name; None where that is another one.
    fn value_file(
        &self,
        file: &str,
        deployed: &Deployed,
        folder: &Path,
        (repository, urls): (&Path, &[String]),
    ) -> Option<PathBuf> {
        let Some((name, rest)) = file.strip_prefix('$').and_then(|rest| rest.split_once('/')) else {
            return Some(folder.join(file));
        };
        let (_, url) = deployed.refs.iter().find(|(known, _)| known == name)?;
        let is_here = urls.is_empty() || urls.contains(&plain_url(url));
        is_here
            .then(|| shorter(normal(&repository.join(rest))))
            .filter(|path| path.starts_with(repository) || path.is_relative())
    }
}

/// A path as seen from the current folder, where that is above it.
fn shorter(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf)).unwrap_or(path)
}

/// The addresses of a repository's remotes. None are known where its settings stand elsewhere.
fn remotes(repository: &Path) -> Vec<String> {
    let settings = texts::read_text(&repository.join(".git").join("config")).unwrap_or_default();
    let url = |line: &str| Some(plain_url(line.trim().strip_prefix("url")?.trim_start().strip_prefix('=')?.trim()));
    settings.lines().filter_map(url).collect()
}

/// Host and path, which are the same for all ways to reach a repository.
fn plain_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    match rest.split_once(':') {
        // `host:path` of SSH, or a port.
        Some((host, path)) => {
            format!("{host}/{}", path.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('/'))
        }
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_many_addresses() {
        for url in [
            "https://git.example.com/team/mesh.git",
            "https://user:token@git.example.com/team/mesh",
            "git@git.example.com:team/mesh.git",
            "ssh://git@git.example.com:2222/team/mesh.git",
            "https://GIT.example.com/team/mesh/",
        ] {
            assert_eq!(plain_url(url), "git.example.com/team/mesh", "{url}");
        }
    }
}
