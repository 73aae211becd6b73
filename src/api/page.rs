//! The page without a server: questions and answers as texts, for a program that shows what JSON says.

use crate::tool::page::{self, Opened, Texts, Unusable};

/// A mesh that is asked by texts: what `towtank ui` answers over HTTP, for a page that has the library in itself.
///
/// ```
/// let mut page = towtank::Page::default();
/// let texts = r#"{"files": [{"name": "a.yaml", "text": "
/// apiVersion: v1
/// kind: Service
/// metadata: {name: shop}
/// spec: {ports: [{name: http, port: 80}]}
/// "}]}"#.replace('\n', "\\n");
/// let told = page.ask("open", &texts);
/// assert!(told.starts_with(r#"{"version":1,"error":null"#), "{told}");
/// let why = page.ask("explain", "GET http://shop/");
/// assert!(why.contains(r#""virtual_host":"shop.default.svc.cluster.local:80""#), "{why}");
/// ```
#[derive(Debug, Default)]
pub struct Page {
    /// The last that could be read: what is broken since is said, and this one still asked.
    opened: Option<Opened>,
}

impl Page {
    /// The answer to a question, one JSON object. Its `error` says why there is none, or is null.
    ///
    /// | question | its body | the answer |
    /// |---|---|---|
    /// | `open` | `{"files": [{"name", "text"}], "against": {"name", "files"}}`, the second if there is one | `state`: all that there is to show, as `towtank ui` tells it; where the texts can't be used, `error` and `findings`, in the form of `check -o json` |
    /// | `decide` | requests, a JSON object on each line as in request files | `requests` read, `ends` of them by `outcome` and `cluster` with expected numbers, and how many lines are `wrong` |
    /// | `explain` | a request as a person writes it: `METHOD URL` with headers in the lines below, or a curl command | `decisions`, each with the `conditions` that were tried |
    /// | `edit` | `{"edits": [{"rule", "weights", "match"}]}`, each `rule` as `state` tells it | `patch` and `state`, as they would be with these edits; where one can't be made, `error` with `edit` and `line` |
    /// | `lessons` | `LANGUAGE`, or `LANGUAGE LESSON` | `told`: all lessons, or one with its answer, as `towtank learn -o json` prints them; no mesh is needed |
    /// | `shelf` | `{"languages": [[code, text]], "lessons": [{"name", "about", "texts": [[code, text]], "files": [[name, text]]}]}` | nothing more. In WebAssembly alone, where the module has no lessons: those that `lessons` tells from then on |
    pub fn ask(&mut self, question: &str, body: &str) -> String {
        match question {
            "open" => page::shown(self.open(body)),
            _ => page::answer(self.opened.as_ref(), question, body)
                .unwrap_or_else(|| page::refusal(&format!("there is no question `{question}`"))),
        }
    }

    fn open(&mut self, body: &str) -> String {
        let texts = match Texts::read(body) {
            Ok(texts) => texts,
            Err(error) => return page::refusal(&error),
        };
        let (now, before, how) = texts.inputs();
        match Opened::new(now, before, how, self.opened.as_ref()) {
            Ok((opened, state)) => {
                self.opened = Some(opened);
                format!("{{\"version\":1,\"error\":null,\"findings\":null,\"state\":{state}}}")
            }
            Err(Unusable { text, findings }) => {
                let text = serde_json::Value::from(text);
                format!("{{\"version\":1,\"error\":{text},\"findings\":{findings},\"state\":null}}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn file(name: &str, rest: &str) -> Value {
        json!({"name": name, "text": format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\n{rest}")})
    }

    /// What a page knows from before changes nothing of what it tells: after each edit it tells what one tells that was just started.
    #[test]
    fn after_any_edit_the_page_tells_what_a_fresh_one_tells() {
        let services = json!({"name": "services.yaml", "text": "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{name: http, port: 80}]}\n"});
        let [plain, slow] = ["", ", timeout: 3s"].map(|more| {
            file(
                "shop.yaml",
                &format!("spec: {{hosts: [shop], http: [{{route: [{{destination: {{host: shop}}}}]{more}}}]}}\n"),
            )
        });
        let (broken, renamed) = (
            file("shop.yaml", "spec: {hosts: ["),
            file("other.yaml", "spec: {hosts: [shop], http: [{redirect: {uri: /}}]}\n"),
        );
        let scenario = json!({"name": "scenario.yaml", "text": "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [.]\nproxies: [{name: client, namespace: a}]\n"});
        let sides: Vec<Vec<&Value>> = vec![
            vec![&services, &plain],
            vec![&services, &slow],
            vec![&plain, &services],
            vec![&services, &renamed],
            vec![&services, &broken],
            vec![&services, &plain, &scenario],
            vec![],
        ];
        let mut kept = Page::default();
        for (i, now) in sides.iter().enumerate().chain(sides.iter().enumerate().rev()) {
            for (before, name) in [(i, "a"), ((i + 1) % sides.len(), "a"), ((i + 1) % sides.len(), "b"), (0, "a")] {
                let texts = json!({"files": now, "against": {"name": name, "files": sides[before]}}).to_string();
                assert_eq!(kept.ask("open", &texts), Page::default().ask("open", &texts), "{texts}");
            }
            let texts = json!({"files": now}).to_string();
            assert_eq!(kept.ask("open", &texts), Page::default().ask("open", &texts), "{texts}");
        }
    }
}
