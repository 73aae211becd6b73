//! The texts of a mesh as a page without files has them: JSON with names.

use serde::Deserialize;

use crate::traffic::workspace::{Inputs, Options};

use super::{Before, How};

/// What is to be opened: `{"files": [{"name": ..., "text": ...}], "against": {"name": ..., "files": [...]}}`.
///
/// A text named `scenario.yaml`, in whatever folder, is the scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Texts {
    files: Vec<Text>,
    /// What was in force before; nothing is compared without it.
    #[serde(default)]
    against: Option<Against>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Against {
    /// What it is called.
    name: String,
    files: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    text: String,
}

impl Texts {
    /// # Errors
    /// It is no JSON of this form.
    pub(crate) fn read(json: &str) -> Result<Texts, String> {
        serde_json::from_str(json).map_err(|error| format!("these are no texts: {error}"))
    }

    /// Those of now and of before, with the name of the latter, to be taken as every command does unless it is told otherwise.
    pub(crate) fn inputs(self) -> (Inputs, Option<Before>, How) {
        let of = |files: Vec<Text>| Inputs::of_texts(files.into_iter().map(|f| (f.name, f.text)));
        let options = Options::usual("default");
        let before = self.against.map(|before| Before::new(of(before.files), before.name));
        (of(self.files), before, How { options, seed: 1, name: "now".to_owned() })
    }
}
