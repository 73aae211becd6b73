//! The texts for people that the repository has.

use std::path::Path;

/// One text, with its path from the root of the repository.
#[derive(Debug)]
pub struct Text {
    pub name: String,
    pub content: String,
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown of the repository, by path.
pub fn all() -> Vec<Text> {
    let mut out = Vec::new();
    walk(root(), "", &mut out);
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

fn walk(folder: &Path, name: &str, out: &mut Vec<Text>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read").filter_map(Result::ok) {
        let file = entry.file_name().to_string_lossy().into_owned();
        let below = if name.is_empty() { file.clone() } else { format!("{name}/{file}") };
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            if !matches!(file.as_str(), ".git" | "target" | "node_modules") {
                walk(&entry.path(), &below, out);
            }
        } else if file.ends_with(".md") {
            let content = std::fs::read_to_string(entry.path()).expect("Markdown is text");
            out.push(Text { name: below, content: content.replace("\r\n", "\n") });
        }
    }
}

/// The README and the reference, without the rules.
pub fn of_people() -> Vec<Text> {
    let of_reference = |name: &str| name.strip_prefix("docs/").is_some_and(|rest| !rest.contains('/'));
    all().into_iter().filter(|t| t.name == "README.md" || of_reference(&t.name)).collect()
}
