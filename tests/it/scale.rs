//! `examples/scale`: engines that others know carry what outgrows one machine, and the report is that of one process.
//!
//! `TOWTANK_SPARK` names a Python with pyspark (and there is a Java): `.ci/run` makes one. GNU parallel is taken from the PATH. Without
//! them their tests are skipped, with a line that says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::run::towtank_in;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const MESH: &str = "scenarios/match-priority";

/// A folder with an access log in three files.
fn logs() -> tempfile::TempDir {
    // Not a hidden one, which Hadoop doesn't see.
    let folder = tempfile::Builder::new().prefix("logs").tempdir().expect("a folder");
    for (i, count) in ["700", "1100", "37"].into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.log")).display().to_string();
        towtank_in(root(), &["simulate", MESH, "--count", count, "--access-log", &path, "-q"], b"").ends_with(0);
    }
    folder
}

/// The report of one process that reads all files of a folder one behind the other.
fn of_one_process(folder: &Path, output: &str) -> String {
    let mut text = Vec::new();
    for i in 0..3 {
        text.extend(std::fs::read(folder.join(format!("{i}.log"))).expect("a log"));
    }
    towtank_in(root(), &["simulate", MESH, "--requests", "-", "-o", output], &text).ends_with(0).out
}

fn standard_output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// The programs of this build before all others.
fn path() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_towtank")).parent().map(Path::to_path_buf);
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&others))).expect("a path")
}

fn spark(python: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg("examples/scale/spark.py").args(arguments).env("PATH", path());
    command.env("PYSPARK_PYTHON", python).env("PYSPARK_DRIVER_PYTHON", python).env("SPARK_LOCAL_IP", "127.0.0.1");
    command.env("PYSPARK_SUBMIT_ARGS", "--master local[2] --conf spark.ui.enabled=false pyspark-shell");
    standard_output(&mut command)
}

#[test]
fn spark_gives_the_report_of_one_process() {
    let Some(python) = std::env::var_os("TOWTANK_SPARK").map(PathBuf::from) else {
        eprintln!("skipped: TOWTANK_SPARK names no Python with pyspark, so examples/scale/spark.py is not run here");
        return;
    };
    let folder = logs();
    let (whole, json) = (of_one_process(folder.path(), "table"), of_one_process(folder.path(), "json"));
    let text = folder.path().display().to_string();
    let log = |arguments: &[&str]| {
        spark(&python, &[arguments, &["--partitions", "5", "--", MESH, "--log-format", "access_log_json"]].concat())
    };
    assert_eq!(log(&["--logs", &text]), whole);
    // The same as columns.
    let columns = folder.path().join("columns").display().to_string();
    let mut convert = Command::new(&python);
    convert.args(["-c", CONVERT, &text, &columns]).env("SPARK_LOCAL_IP", "127.0.0.1");
    convert.env("PYSPARK_SUBMIT_ARGS", "--master local[2] --conf spark.ui.enabled=false pyspark-shell");
    standard_output(&mut convert);
    assert_eq!(log(&["--logs", &columns, "--parquet", "--report", "-o json"]), json);
    // And read by ourselves, where this build does.
    if cfg!(feature = "parquet") {
        let ran = towtank_in(root(), &["simulate", MESH, "--requests", &columns, "-o", "csv"], b"").ends_with(0);
        let as_one = ran.out.replace(",2 logs,", ",standard input,");
        assert_eq!(as_one, of_one_process(folder.path(), "csv"));
    }
}

/// Writes JSON lines as Parquet.
const CONVERT: &str = "
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.read.json(sys.argv[1] + '/*.log').repartition(2).write.parquet(sys.argv[2])
spark.stop()
";

#[test]
fn parallel_gives_the_report_of_one_process() {
    let is_gnu = |output: std::process::Output| String::from_utf8_lossy(&output.stdout).contains("GNU parallel");
    if !Command::new("parallel").arg("--version").output().is_ok_and(is_gnu) {
        eprintln!("skipped: GNU parallel is not installed, so examples/scale/parallel.sh is not run here");
        return;
    }
    let folder = logs();
    let files: Vec<String> = (0..3).map(|i| folder.path().join(format!("{i}.log")).display().to_string()).collect();
    let mut whole = vec!["simulate", MESH];
    files.iter().for_each(|file| whole.extend(["--requests", file]));
    let mut command = Command::new("examples/scale/parallel.sh");
    command.arg(MESH).args(&files).env("PATH", path()).env("HOME", folder.path());
    assert_eq!(standard_output(&mut command), towtank_in(root(), &whole, b"").ends_with(0).out);
}

/// What the pods of examples/scale/job.yaml run, by turns, without Kubernetes.
#[test]
fn the_pods_of_the_job_count_every_log_once() {
    let folder = logs();
    let text = std::fs::read_to_string(root().join("examples/scale/job.yaml")).expect("the example is there");
    let job: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
    let completions = job["spec"]["completions"].as_u64().expect("a number");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let script = container["args"][0].as_str().expect("a script");
    let tallies = folder.path().join("tallies");
    std::fs::create_dir(&tallies).expect("a folder");
    assert!(script.contains(&format!("% {completions}")), "as many parts as pods");
    // Four pods are enough, each with the folders that it would have mounted.
    let script = script
        .replace(&format!("% {completions}"), "% 4")
        .replace("/logs/*", &format!("{}/*.log", folder.path().display()))
        .replace("/tallies/", &format!("{}/", tallies.display()))
        .replace(" /mesh ", &format!(" {MESH} "));
    for index in 0..4 {
        let mut command = Command::new("/bin/sh");
        command.args(["-ec", &script]).env("JOB_COMPLETION_INDEX", index.to_string()).env("PATH", path());
        assert_eq!(standard_output(&mut command), "");
    }
    let merge = std::fs::read_to_string(root().join("examples/scale/merge.yaml")).expect("the example is there");
    let merge: serde_yaml::Value = serde_yaml::from_str(&merge).expect("YAML");
    assert_eq!(merge["spec"]["template"]["spec"]["containers"][0]["command"][1], "merge");
    let merged = towtank_in(root(), &["merge", &tallies.display().to_string()], b"").ends_with(0);
    let all = format!("{}/*.log", folder.path().display());
    assert_eq!(merged.out, towtank_in(root(), &["simulate", MESH, "--requests", &all], b"").ends_with(0).out);
}
