//! `towtank learn`: lessons listed, asked and answered.

use crate::support::run::towtank_in;
use crate::support::texts::root;

fn ran(arguments: &[&str], status: i32) -> String {
    towtank_in(root(), &[&["learn"], arguments].concat(), b"").ends_with(status).out
}

#[test]
fn all_lessons_are_listed_in_each_language() {
    let english = ran(&[], 0);
    assert!(english.contains("   1  The rule that nobody reaches\n"), "{english}");
    assert!(english.contains("  11  The subset that nobody defined\n"), "{english}");
    let korean = ran(&["--language", "ko"], 0);
    assert!(korean.contains("  11  아무도 정의하지 않은 서브셋\n"), "{korean}");
    let lines = |text: &str| text.lines().filter(|l| l.trim_start().starts_with(|c: char| c.is_ascii_digit())).count();
    assert_eq!(lines(&english), lines(&korean));
}

/// Where nobody can be asked, the question stands, and how to answer it.
#[test]
fn a_lesson_shows_its_manifests_and_its_question() {
    let shown = ran(&["undefined-subset"], 0);
    for part in
        ["11. The subset", "  routing.yaml\n", "    kind: VirtualService\n", "GET http://shop/", "  d  503 NC  ("]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.ends_with("Answer with `towtank learn 11 --answer` and the letter.\n"), "{shown}");
    assert!(!shown.contains("Remember"), "{shown}");
    assert_eq!(shown, ran(&["11"], 0));
}

#[test]
fn an_answer_is_judged_and_explained() {
    let right = ran(&["11", "--answer", "d"], 0);
    for part in ["That is right.", "d  503 NC", "takes it", "lost: 503 NC", "Why\n", "Remember\n", "DP-5"] {
        assert!(right.contains(part), "{part}: {right}");
    }
    let tempted = ran(&["11", "--answer", " A "], 1);
    assert!(tempted.starts_with("Not this time.\nIt is what most people expect.\n"), "{tempted}");
    let wrong = ran(&["11", "--answer", "e", "--language", "ko"], 1);
    assert!(wrong.starts_with("아쉽지만 아닙니다.\n엔진의 답:\n  d  503 NC"), "{wrong}");
}

/// What adds up is shown: copies, attempts, and states on the way.
#[test]
fn numbers_and_states_stand_beside_the_answer() {
    let load = ran(&["mirror-is-load", "--answer", "c"], 0);
    assert!(load.contains("  120  requests come to shop subset v2 for each hundred"), "{load}");
    let order = ran(&["order-of-apply", "--answer", "b"], 0);
    assert!(order.contains("with VirtualService alone\n") && order.contains("10 % 503 NC"), "{order}");
}

#[test]
fn what_is_not_there_is_said() {
    for (arguments, said) in [
        (&["undefined-subse"][..], ""),
        (&["subset-undefined"], "there is no lesson `subset-undefined`"),
        (&["0"], "there is no lesson `0`"),
        (&["11", "--answer", "z"], "`z` is none of the choices a, b, c, d, e"),
        (&["--answer", "a"], "LESSON"),
        (&["1", "--language", "xx"], "possible values: en, ko"),
    ] {
        let status = if said.is_empty() { 0 } else { 2 };
        let ran = towtank_in(root(), &[&["learn"], arguments].concat(), b"").ends_with(status);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

/// The environment has no say in the language, and the same lesson is the same bytes.
#[test]
fn nothing_depends_on_the_environment() {
    let in_korea = assert_cmd::Command::new(env!("CARGO_BIN_EXE_towtank"))
        .args(["learn", "3", "--answer", "a"])
        .envs([("LANG", "ko_KR.UTF-8"), ("LC_ALL", "ko_KR.UTF-8"), ("LANGUAGE", "ko")])
        .output()
        .expect("towtank runs");
    let told = String::from_utf8_lossy(&in_korea.stdout).into_owned();
    assert_eq!(told, ran(&["3", "--answer", "a"], in_korea.status.code().expect("a status")));
}
