//! What becomes of texts, one by one; and the laws, for many.

use proptest::prelude::*;

use super::*;
use crate::manifest::source::FileId;

/// A VirtualService around its `http`, which is given with its lines.
fn service(http: &str) -> String {
    format!("kind: VirtualService\nmetadata: {{name: shop}} # ours\nspec:\n  http:\n{http}")
}

/// The rule of the first object of the document `document`.
fn at(text: &str, document: u32, protocol: Protocol, rule: usize) -> RuleAt {
    let raw = &yaml::documents(text)[document as usize];
    let root = yaml::parse(raw, &yaml::Limits::default()).expect("YAML").expect("a document").root;
    let own = root.get("items").and_then(Node::as_seq).map_or(&root, |items| &items[0]);
    let place = LineIndex::new(text).position(own.span.start);
    let object = Position { file: FileId(0), line: place.line, column: place.column, document };
    RuleAt { object, protocol, rule }
}

fn edit(text: &str, rule: usize, weights: &[u32], matches: Matches) -> Result<String, Refusal> {
    let weights = weights.iter().copied().map(Some).collect();
    let rule = at(text, 0, Protocol::Http, rule);
    apply(text, &[Edit { rule, weights, matches }]).map(|edited| edited.text)
}

#[track_caller]
fn weighs(before: &str, weights: &[u32], after: &str) {
    assert_eq!(edit(before, 0, weights, Matches::Stay).expect("an edit"), after);
    // Line ends of Windows stay what they are.
    let [before, after] = [before, after].map(|text| text.replace('\n', "\r\n"));
    assert_eq!(edit(&before, 0, weights, Matches::Stay).expect("an edit"), after);
    assert_eq!(edit(&after, 0, weights, Matches::Stay).expect("an edit"), after, "once more changes nothing");
}

#[track_caller]
fn matches(before: &str, given: Option<&str>, after: &str) {
    let matches = given.map_or(Matches::Gone, |text| Matches::Text(text.to_owned()));
    assert_eq!(edit(before, 0, &[], matches.clone()).expect("an edit"), after);
    let [before, after] = [before, after].map(|text| text.replace('\n', "\r\n"));
    assert_eq!(edit(&before, 0, &[], matches).expect("an edit"), after);
}

#[test]
fn a_written_weight_is_another_number_in_its_place() {
    weighs(
        &service(
            "  - route:\n    - destination: {host: a}\n      weight:  90 # most\n    - weight: '10'\n      destination: {host: b}\n",
        ),
        &[70, 30],
        &service(
            "  - route:\n    - destination: {host: a}\n      weight:  70 # most\n    - weight: '30'\n      destination: {host: b}\n",
        ),
    );
    weighs(
        &service("  - {route: [{destination: {host: a}, weight: 90}, {weight: 10,destination: {host: b}}]}\n"),
        &[7, 3],
        &service("  - {route: [{destination: {host: a}, weight: 7}, {weight: 3,destination: {host: b}}]}\n"),
    );
    weighs(
        r#"{"spec":{"http":[{"route":[{"weight":90},{"weight":10}]}]}}"#,
        &[1, 2],
        r#"{"spec":{"http":[{"route":[{"weight":1},{"weight":2}]}]}}"#,
    );
    weighs(
        &service("  - route:\n    - weight:\n    - weight: ~\n    - {weight: }\n"),
        &[1, 2, 3],
        &service("  - route:\n    - weight: 1\n    - weight: 2\n    - {weight: 3 }\n"),
    );
}

#[test]
fn a_weight_that_is_not_written_is_put_behind_the_rest() {
    weighs(
        &service(
            "    - route:\n        - destination:\n            host: a # first\n        # second\n        - destination:\n            host: b",
        ),
        &[70, 30],
        &service(
            "    - route:\n        - destination:\n            host: a # first\n          weight: 70\n        # second\n        - destination:\n            host: b\n          weight: 30",
        ),
    );
    weighs(
        &service("  - route: [{destination: {host: a}}, { destination: {host: b} }, {destination: {host: c},}]\n"),
        &[7, 3, 1],
        &service(
            "  - route: [{destination: {host: a}, weight: 7}, { destination: {host: b}, weight: 3 }, {destination: {host: c}, weight: 1}]\n",
        ),
    );
    weighs(
        r#"{"spec":{"http":[{"route":[{"destination":{"host":"a"}},{"weight": 1}]}]}}"#,
        &[7, 3],
        r#"{"spec":{"http":[{"route":[{"destination":{"host":"a"},"weight":7},{"weight": 3}]}]}}"#,
    );
    weighs(
        "{\n  \"spec\": {\"http\": [{\"route\": [\n    {\n      \"destination\": {\"host\": \"a\"}\n    }\n  ]}]}\n}\n",
        &[7],
        "{\n  \"spec\": {\"http\": [{\"route\": [\n    {\n      \"destination\": {\"host\": \"a\"},\n      \"weight\": 7\n    }\n  ]}]}\n}\n",
    );
    weighs(
        &service("  - route:\n    - {\n        destination: {host: a}, # last\n        # really\n      }\n"),
        &[7],
        &service(
            "  - route:\n    - {\n        destination: {host: a},\n        weight: 7 # last\n        # really\n      }\n",
        ),
    );
}

#[test]
fn weights_that_are_so_already_change_nothing() {
    let text = service(
        "  - route:\n    - {destination: {host: a}, weight: 0x5A}\n    - {destination: {host: b}, weight: 10.0}\n    - {destination: {host: c}}\n",
    );
    assert_eq!(edit(&text, 0, &[90, 10, 0], Matches::Stay).expect("an edit"), text);
}

#[test]
fn weights_of_tls_and_tcp_and_of_lists_and_later_documents() {
    let list = "a: 1\n---\nitems:\n- spec:\n    tcp:\n    - route:\n      - weight: 1\n    tls:\n    - route:\n      - weight: 1\n---\nb: 2\n";
    for (protocol, first, second) in [(Protocol::Tcp, 5, 1), (Protocol::Tls, 1, 5)] {
        let rule = at(list, 1, protocol, 0);
        let one = Edit { rule, weights: vec![Some(5)], matches: Matches::Stay };
        let expected = format!(
            "a: 1\n---\nitems:\n- spec:\n    tcp:\n    - route:\n      - weight: {first}\n    tls:\n    - route:\n      - weight: {second}\n---\nb: 2\n"
        );
        assert_eq!(apply(list, &[one]).expect("an edit").text, expected);
    }
}

const ROUTE: &str = "    route:\n    - destination: {host: a}\n";

#[test]
fn a_match_is_replaced_where_it_stands() {
    matches(
        &service(&format!("  - match:\n    # who\n    - headers:\n        x-user: {{exact: jason}} # him\n{ROUTE}")),
        Some("- uri:\n    prefix: /a\n\n# or\n- port: 80\n"),
        &service(&format!(
            "  - match:\n    # who\n    - uri:\n        prefix: /a\n\n    # or\n    - port: 80\n{ROUTE}"
        )),
    );
    matches(
        &service(&format!("  - match:\n      - uri: {{exact: /}}\n{ROUTE}")),
        Some("[{port: 80}]"),
        &service(&format!("  - match: [{{port: 80}}]\n{ROUTE}")),
    );
    matches(
        &service(&format!("  - match: [{{port: 80}}] # that\n{ROUTE}")),
        Some("  - port: 81\n  - port: 82"),
        &service(&format!("  - match:\n    - port: 81\n    - port: 82 # that\n{ROUTE}")),
    );
    matches(
        &service(&format!("  - match: # nothing yet\n{ROUTE}")),
        Some("- port: 81"),
        &service(&format!("  - match: # nothing yet\n    - port: 81\n{ROUTE}")),
    );
    matches(
        &service("  - {match: [{port: 80}], route: [{destination: {host: a}}]}\n"),
        Some("- uri:\n    regex: '/a*'\n- headers: {x-y: {exact: 'yes'}}"),
        &service(
            "  - {match: [{uri: {regex: \"/a*\"}}, {headers: {x-y: {exact: \"yes\"}}}], route: [{destination: {host: a}}]}\n",
        ),
    );
    matches(
        r#"{"spec":{"http":[{"match":[{"port":80}],"route":[]}]}}"#,
        Some("- port: 81"),
        r#"{"spec":{"http":[{"match":[{"port":81}],"route":[]}]}}"#,
    );
}

#[test]
fn a_match_is_put_before_the_rest_and_behind_the_name() {
    matches(
        &service("  - route:\n    - destination: {host: a}\n"),
        Some("- uri:\n    exact: /a"),
        &service("  - match:\n    - uri:\n        exact: /a\n    route:\n    - destination: {host: a}\n"),
    );
    matches(
        &service("    -   name: first\n        # where\n        route: []\n"),
        Some("[{port: 80}]"),
        &service("    -   match: [{port: 80}]\n        name: first\n        # where\n        route: []\n"),
    );
    matches(
        &service("    - name: first\n      route:\n        - destination: {host: a}\n"),
        Some("- port: 80"),
        &service(
            "    - name: first\n      match:\n        - port: 80\n      route:\n        - destination: {host: a}\n",
        ),
    );
    matches(&service("  - {route: []}\n"), Some("- port: 80"), &service("  - {match: [{port: 80}], route: []}\n"));
    matches(
        "{\n  \"spec\": {\"http\": [\n    {\n      \"route\": []\n    }\n  ]}\n}\n",
        Some("- port: 80"),
        "{\n  \"spec\": {\"http\": [\n    {\n      \"match\": [\n        {\n          \"port\": 80\n        }\n      ],\n      \"route\": []\n    }\n  ]}\n}\n",
    );
}

#[test]
fn a_match_is_taken_out() {
    matches(
        &service(&format!("  - match:\n    - port: 80 # gone\n    # stays\n{ROUTE}")),
        None,
        &service("  - # stays\n    route:\n    - destination: {host: a}\n"),
    );
    matches(
        &service(&format!("  - name: a\n    match: [{{port: 80}}]\n{ROUTE}")),
        None,
        &service(&format!("  - name: a\n{ROUTE}")),
    );
    matches(&service("  - name: a\n    match: [{port: 80}]"), None, &service("  - name: a"));
    matches(&service("  - match: [{port: 80}]\n"), None, &service("  - {}\n"));
    matches(&service("  - {match: [{port: 80}], name: a}\n"), None, &service("  - {name: a}\n"));
    matches(&service("  - {name: a, match: [{port: 80}]}\n"), None, &service("  - {name: a}\n"));
    let without = service("  - name: a\n");
    matches(&without, None, &without);
    matches(&without, Some("# nothing\n"), &without);
}

#[test]
fn what_is_shown_goes_back_as_it_is() {
    for http in [
        "  - match:\n    - uri:\n        prefix: /a # here\n\n    # then\n    - port: 80 # and here\n    route: []\n",
        "  - name: a\n    match: [{port: 80},\n      {port: 81}]\n",
        "  - {match: [{port: 80}]}\n",
        "  - match:\n      - uri:\n          regex: |\n            /a\n",
    ] {
        for text in [service(http), service(http).replace('\n', "\r\n")] {
            let raw = yaml::documents(&text);
            let document = yaml::parse(&raw[0], &yaml::Limits::default()).expect("YAML").expect("a document");
            let shown = conditions::shown(&text, document.root.at("spec.http[0]").expect("a rule").0).expect("a match");
            assert_eq!(edit(&text, 0, &[], Matches::Text(shown)).expect("an edit"), text);
        }
    }
    let text = service("  - match:\n      - uri:\n          prefix: /a # here\n      - port: 80\n");
    let raw = yaml::documents(&text);
    let document = yaml::parse(&raw[0], &yaml::Limits::default()).expect("YAML").expect("a document");
    let shown = conditions::shown(&text, document.root.at("spec.http[0]").expect("a rule").0);
    assert_eq!(shown.as_deref(), Some("- uri:\n    prefix: /a # here\n- port: 80"));
}

#[test]
fn what_aliases_share_is_not_changed_by_the_way() {
    let shared = service(
        "  - match: &m\n    - port: 80\n    route: &r\n    - destination: {host: a}\n      weight: &w 5\n  - match: *m\n    route: *r\n  - route:\n    - weight: *w\n    - <<: {weight: 3}\n      destination: {host: b}\n",
    );
    for rule in [0, 1] {
        let refused = edit(&shared, rule, &[7], Matches::Stay).expect_err("it is shared");
        assert!(refused.message.starts_with("the edit would change `spec.http["), "{refused:?}");
        assert!(refused.hint.is_some_and(|hint| hint.contains("anchor")));
    }
    let refused = edit(&shared, 0, &[], Matches::Text("- port: 81".into())).expect_err("it is shared");
    assert!(refused.message.contains("line") || refused.message.contains("spec.http[1].match"), "{refused:?}");
    let own = |rule, weight| Edit {
        rule: at(&shared, 0, Protocol::Http, rule),
        weights: vec![Some(weight)],
        matches: Matches::Stay,
    };
    let edits = [Edit { weights: vec![Some(6), None], ..own(2, 6) }, own(1, 7)];
    assert_eq!(apply(&shared, &edits).expect_err("the second is of what is shared").edit, 1);
    // Where only an alias stands, it makes room; what a merge brings is overruled behind it.
    let own = edit(&shared, 1, &[], Matches::Text("- port: 81".into())).expect("an alias");
    assert_eq!(own, shared.replace("match: *m", "match:\n    - port: 81"));
    let own = edit(&shared, 2, &[6, 3], Matches::Stay).expect("an alias");
    assert_eq!(own, shared.replace("weight: *w", "weight: 6"));
    let own = edit(&shared, 2, &[5, 4], Matches::Stay).expect("a merge");
    assert!(own == shared.replace("{weight: 3}", "{weight: 4}"), "{own}");
    let merged = service("  - route:\n    - <<: *d\n      destination: {host: b}\n")
        .replace("spec:\n", "x: &d {weight: 3}\nspec:\n");
    weighs(&merged, &[4], &merged.replace("{host: b}\n", "{host: b}\n      weight: 4\n"));
}

#[test]
fn what_is_no_match_is_told_by_the_lines_of_its_author() {
    let text = service("  - name: a\n");
    let refused = |given: &str| edit(&text, 0, &[], Matches::Text(given.to_owned())).expect_err("no match");
    let line = |refusal: &Refusal| refusal.at.map(|at| (at.line, at.column));
    let broken = refused("\n- uri:\n    exact: /a\n   prefix: /b\n");
    assert_eq!(line(&broken).map(|(line, _)| line), Some(4), "{broken:?}");
    let object = refused("uri: {exact: /a}");
    assert_eq!((line(&object), object.message.as_str()), (Some((1, 1)), "a match is a list, and this is an object"));
    let two = refused("- port: 80\n---\n- port: 81\n");
    assert_eq!(two.message, "a match is one list, and another document begins here");
    assert_eq!(
        edit(&text, 9, &[], Matches::Gone).expect_err("no rule").message,
        "there is no rule 9 of `http` any more"
    );
    let refused = edit(&text, 0, &[1], Matches::Stay).expect_err("no destination");
    assert_eq!(refused.message, "the rule has 0 destinations, and 1 weights are given");
    assert!(edit(&service("  - route: [{weight: 1}]\n"), 0, &[u32::MAX], Matches::Stay).is_err());
}

#[test]
fn lines_of_a_match_are_found_again() {
    let text = service("  - match:\n    - port: 80\n    route: []\n  - {name: b}\n  - name: c\n    route: []\n");
    let own = |rule, matches: &str| Edit {
        rule: at(&text, 0, Protocol::Http, rule),
        weights: Vec::new(),
        matches: Matches::Text(matches.to_owned()),
    };
    let edits =
        [own(0, "\n- port: 81\n- port: 82"), own(1, "- port: 83\n- port: 84"), own(2, "- port: 85\n- port: 86")];
    let edited = apply(&text, &edits).expect("edits");
    let lines: Vec<&str> = edited.text.lines().collect();
    let found = |edit: usize| {
        let own = edited.matches[edit].expect("lines");
        (own.own(own.first), lines[own.first as usize - 1], own.own(own.first + own.count))
    };
    assert_eq!(found(0), (Some(2), "    - port: 81", None));
    assert_eq!(edited.matches[1], None, "two lines became one");
    assert_eq!(found(2), (Some(1), "    - port: 85", None));
    let twice = apply(&text, &[own(0, "[]"), own(0, "[{}]")]).expect_err("one rule");
    assert_eq!((twice.edit, twice.message.as_str()), (1, "the same rule is edited twice"));
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// 0: blocks, lists as far in as their keys; 1: blocks, lists further in; 2: rules in brackets; 3: all in brackets; 4: JSON;
    /// 5: JSON over lines.
    style: u8,
    comments: bool,
    windows: bool,
    last_break: bool,
}

/// What a rule has: weights of its destinations, and ports of its match.
type RuleOf = (Vec<Option<u8>>, Option<Vec<u16>>);

fn written(rules: &[RuleOf], look: Look) -> String {
    let note = |text: &str| if look.comments { format!(" # {text}") } else { String::new() };
    let json: Vec<serde_json::Value> = rules
        .iter()
        .map(|(weights, ports)| {
            let route: Vec<_> = weights
                .iter()
                .enumerate()
                .map(|(i, weight)| match weight {
                    Some(weight) => serde_json::json!({"destination": {"host": format!("h{i}")}, "weight": weight}),
                    None => serde_json::json!({"destination": {"host": format!("h{i}")}}),
                })
                .collect();
            let mut rule = serde_json::json!({ "route": route });
            if let Some(ports) = ports {
                rule["match"] = ports.iter().map(|port| serde_json::json!({ "port": port })).collect();
            }
            rule
        })
        .collect();
    let whole = serde_json::json!({"kind": "VirtualService", "spec": {"hosts": ["a"], "http": json}});
    let text = match look.style {
        4 => whole.to_string(),
        5 => serde_json::to_string_pretty(&whole).expect("JSON"),
        3 => format!("kind: VirtualService{}\nspec: {}\n", note("kind"), whole["spec"])
            .replace('"', "")
            .replace(':', ": "),
        style => {
            let mut text = format!("kind: VirtualService{}\nspec:\n  hosts: [a]\n  http:\n", note("kind"));
            let further = if style == 1 { "  " } else { "" };
            for (i, (weights, ports)) in rules.iter().enumerate() {
                if look.comments {
                    text.push_str(&format!("  # rule {i}\n"));
                }
                if style == 2 {
                    let rule = json[i].to_string().replace('"', "").replace(':', ": ");
                    text.push_str(&format!("  - {rule}{}\n", note("rule")));
                    continue;
                }
                let mut head = format!("{further}  - ");
                let rest = format!("{further}    ");
                if let Some(ports) = ports {
                    text.push_str(&format!("{head}match:{}\n", note("match")));
                    ports.iter().for_each(|port| text.push_str(&format!("{rest}{further}- port: {port}\n")));
                    head.clone_from(&rest);
                }
                text.push_str(&format!("{head}route:{}\n", note("route")));
                for (i, weight) in weights.iter().enumerate() {
                    text.push_str(&format!("{rest}{further}- destination: {{host: h{i}}}{}\n", note("to")));
                    if let Some(weight) = weight {
                        text.push_str(&format!("{rest}{further}  weight: {weight}{}\n", note("share")));
                    }
                }
            }
            text
        }
    };
    let text = text.trim_end().to_owned() + if look.last_break { "\n" } else { "" };
    let text = if look.style < 4 { format!("# head\na: 1\n---\n{text}") } else { text };
    if look.windows { text.replace('\n', "\r\n") } else { text }
}

fn look() -> impl Strategy<Value = Look> {
    (0..6u8, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(style, comments, windows, last_break)| Look {
        style,
        comments,
        windows,
        last_break,
    })
}

fn rule_of() -> impl Strategy<Value = RuleOf> {
    let weight = prop::option::of(0..=100u8);
    (prop::collection::vec(weight, 1..4), prop::option::of(prop::collection::vec(1..99u16, 1..3)))
}

/// A match to write, by its ports and how.
fn given() -> impl Strategy<Value = Option<Option<(Vec<u16>, bool)>>> {
    prop::option::of(prop::option::of((prop::collection::vec(100..999u16, 1..3), any::<bool>())))
}

fn rules_of(text: &str) -> serde_json::Value {
    let raw = yaml::documents(text).into_iter().last().expect("a document");
    yaml::parse(&raw, &yaml::Limits::default()).expect("YAML").expect("a document").root.to_json()
}

fn comments_of(text: &str) -> Vec<String> {
    let found = yaml::documents(text).into_iter().filter_map(|raw| yaml::parse(&raw, &yaml::Limits::default()).ok()?);
    found
        .flat_map(|document| {
            document.comments.into_iter().map(|c| c.slice(text).trim_end().to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// The document is the old one but for what was meant; all bytes outside of the rules that are edited are the old ones; comments and
    /// line ends stay; and the same edits once more change nothing.
    #[test]
    fn an_edit_changes_what_it_means_and_nothing_else(
        look in look(),
        rules in prop::collection::vec((rule_of(), prop::collection::vec(0..=100u8, 3), given()), 1..4),
    ) {
        let before: Vec<RuleOf> = rules.iter().map(|(rule, ..)| rule.clone()).collect();
        let text = written(&before, look);
        let document = if look.style < 4 { 1 } else { 0 };
        let mut wanted = rules_of(&text);
        let mut edits = Vec::new();
        for (i, ((weights, _), new, matches)) in rules.iter().enumerate() {
            for (k, weight) in new.iter().enumerate().take(weights.len()) {
                let has = weights[k].is_some();
                if *weight > 0 || has {
                    wanted["spec"]["http"][i]["route"][k]["weight"] = (*weight).into();
                }
            }
            let matches = match matches {
                None => Matches::Stay,
                Some(None) => {
                    wanted["spec"]["http"][i].as_object_mut().expect("a rule").remove("match");
                    Matches::Gone
                }
                Some(Some((ports, flow))) => {
                    let entries: Vec<String> = ports.iter().map(|p| if *flow { format!("{{port: {p}}}") } else { format!("- port: {p}") }).collect();
                    wanted["spec"]["http"][i]["match"] = ports.iter().map(|p| serde_json::json!({"port": p})).collect();
                    Matches::Text(if *flow { format!("[{}]", entries.join(", ")) } else { entries.join("\n") })
                }
            };
            let rule = at(&text, document, Protocol::Http, i);
            edits.push(Edit { rule, weights: new.iter().take(weights.len()).map(|w| Some(u32::from(*w))).collect(), matches });
        }
        let edited = apply(&text, &edits).map_err(|refusal| TestCaseError::fail(format!("{refusal:?} of\n{text}")))?.text;
        prop_assert_eq!(&rules_of(&edited), &wanted, "{}\nbecame\n{}", text, edited);
        let again: serde_json::Value = serde_yaml::from_str(edited.rsplit("---").next().unwrap_or("")).expect("YAML to others too");
        prop_assert_eq!(&again, &wanted, "{}", edited);
        let mut left = comments_of(&edited).into_iter();
        for comment in comments_of(&text) {
            prop_assert!(comment == "# match" || left.any(|c| c == comment), "{} is gone:\n{}\nbecame\n{}", comment, text, edited);
        }
        prop_assert_eq!(edited.matches('\n').count() == edited.matches("\r\n").count(), look.windows || !edited.contains('\n'));
        let same = apply(&edited, &edits).map_err(|refusal| TestCaseError::fail(format!("{refusal:?} of\n{edited}")))?.text;
        prop_assert_eq!(&rules_of(&same), &wanted);
        // One by one: nothing but the rule itself has other bytes.
        for edit in &edits {
            let raw = yaml::documents(&text);
            let root = yaml::parse(&raw[document as usize], &yaml::Limits::default()).expect("YAML").expect("a document").root;
            let span = root.at(&format!("spec.http[{}]", edit.rule.rule)).expect("a rule").0.span;
            let one = apply(&text, std::slice::from_ref(edit)).expect("one of them").text;
            let (start, end) = (span.start as usize, lines::end(&text, span.end as usize));
            prop_assert!(one.starts_with(&text[..start]) && one.ends_with(&text[end..]), "{}\nbecame\n{}", text, one);
        }
    }

    /// Whatever a text is, an edit is made or refused.
    #[test]
    fn any_text_is_edited_or_refused(
        pieces in prop::collection::vec(prop::sample::select(&["spec:\n", "  http:\n", "  - route:\n", "    - weight: 1\n", "&a ", "*a", "<<: ", "{", "}", "[", "]", ", ", "match: ", "\n", "- ", "# c\n", "|\n", "\t", "\r\n", "? ", ": ", "'", "weight: ", "---\n", "é"]), 0..24),
        line in 1..6u32, rule in 0..3usize, weight in any::<u32>(), own in ".{0,12}",
    ) {
        for text in [pieces.concat(), format!("spec:\n  http:\n  - {}\n    route:\n    - {}", pieces.concat(), pieces.concat())] {
            let at = RuleAt { object: Position { line, column: 1, ..Position::default() }, protocol: Protocol::Http, rule };
            for matches in [Matches::Gone, Matches::Text(own.clone()), Matches::Text(format!("- {own}"))] {
                let _ = apply(&text, &[Edit { rule: at, weights: vec![Some(weight)], matches: matches.clone() }]);
                let _ = apply(&text, &[Edit { rule: at, weights: Vec::new(), matches }]);
            }
        }
    }
}
