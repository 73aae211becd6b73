//! Who gets which share, and what is lost: `cargo run --example first_answer -- manifests.yaml ...`.

#![allow(clippy::disallowed_methods, reason = "a program of its own reads its files")]

use std::fs;

use towtank::{Mesh, Options, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names.push("scenarios/match-priority/manifests/reviews.yaml".to_owned());
    }
    let mut texts = Vec::new();
    for name in names {
        let text = fs::read_to_string(&name)?;
        texts.push((name, text));
    }
    let mesh = Mesh::from_texts(texts, &Options::default())?;
    print!("{}", mesh.simulate(&Settings::default())?);
    Ok(())
}
