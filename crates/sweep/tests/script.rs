//! The script for Slurm: whatever names, folders and keys hold, it parses, and each arrives as it was.

use dermx_sweep::{ArrayScript, Resources};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A script of one unit, made of what the arguments name.
fn script<'a>(name: &'a str, resources: &'a Resources, command: &'a [String]) -> ArrayScript<'a> {
    ArrayScript {
        name,
        resources,
        sweep: "/shared/it's",
        list: "slurm/array-1.txt",
        num_units: 5,
        command,
        working_folder: "/home/me",
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// The options of the script as sbatch reads them (`get_argument` in Slurm's `sbatch/opt.c`): words end at
/// white space outside quotes, and a backslash stands before a letter that means nothing.
fn options(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#SBATCH "));
    lines.flat_map(arguments).collect()
}

fn arguments(line: &str) -> Vec<String> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.get_or_insert_default().extend(letters.next()),
            _ if quote == Some(letter) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            '#' if quote.is_none() => break,
            _ if letter.is_whitespace() && quote.is_none() => found.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    assert_eq!(quote, None, "{line}");
    found.extend(word);
    found
}

#[test]
fn the_script_asks_for_what_it_was_told() {
    let resources = Resources {
        partition: Some("gpu".into()),
        time: Some("01:00:00".into()),
        gpus: Some(1),
        cpus: Some(4),
        max_running: Some(2),
        options: Some(vec!["--qos=low".into(), "--comment='two words'".into()]),
        setup: Some(vec!["module load cuda".into(), "echo 'it''s'".into()]),
        ..Resources::default()
    };
    let command = words(&["/opt/dermx", "sweep", "unit"]);
    let text = script("dermx-resnet50", &resources, &command).text().unwrap();
    for line in [
        "#!/bin/bash",
        "#SBATCH --array=0-4%2",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --partition=gpu",
        "#SBATCH --time=01:00:00",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --qos=low",
        "eval 'module load cuda",
        r"echo '\''it'\'''\''s'\'''",
        "export RAYON_NUM_THREADS=4",
        r"sweep='/shared/it'\''s'",
        r#"'/opt/dermx' 'sweep' 'unit' "$sweep" "$unit" >>"$sweep/logs/$unit.log" 2>&1 &"#,
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in:\n{text}");
    }
    assert!(!text.contains("--account") && !text.contains("--mem"));
    let found = options(&text);
    assert!(found.contains(&"--comment=two words".to_string()), "{found:?}");
    assert!(found.contains(&"--output=/shared/it's/logs/slurm-%A_%a.log".to_string()), "{found:?}");
}

#[test]
fn what_no_line_can_hold_is_refused_with_its_key() {
    let command = words(&["/opt/dermx"]);
    let refused = |resources: Resources, part: &str| {
        let message = script("dermx-net", &resources, &command).text().unwrap_err();
        assert!(message.contains(part), "no `{part}` in {message}");
    };
    let text = |text: &str| Some(text.to_string());
    let none = Resources::default;
    refused(Resources { partition: text("gpu\nrm -rf ~"), ..none() }, "slurm.partition");
    refused(Resources { account: text("a\u{0}"), ..none() }, "slurm.account");
    refused(Resources { time: text("1\r"), ..none() }, "slurm.time");
    refused(Resources { memory: text("1G\n"), ..none() }, "slurm.memory");
    for option in
        ["--qos=low\ntouch x", "touch x", "", "--comment='open", "--comment=\"open", "-x \\"]
    {
        refused(Resources { options: Some(vec![option.into()]), ..none() }, "slurm.options");
    }
    let named = |name: &str, sweep: &str, working_folder: &str| {
        let resources = none();
        let script = ArrayScript { sweep, working_folder, ..script(name, &resources, &command) };
        script.text().map(drop)
    };
    assert!(named("dermx-a\nb", "/s", "/w").unwrap_err().contains("the name of the configuration"));
    assert!(named("dermx-a", "/s\n", "/w").unwrap_err().contains("the folder of the sweep"));
    assert!(named("dermx-a", "/a\\b", "/w").unwrap_err().contains("backslash"));
    assert!(named("dermx-a", "/s", "/w\t").unwrap_err().contains("the working folder"));
    assert!(named("dermx-PackJob", "/s", "/w").unwrap_err().contains("packjob"));
}

/// Runs the script as Slurm would, in `root`, with a command that writes its arguments into a file.
#[cfg(unix)]
fn run(root: &Path, text: &str) -> String {
    let file = root.join("script.sh");
    fs::write(&file, text).unwrap();
    let parsed = Command::new("bash").args(["-n"]).arg(&file).output().unwrap();
    let complaint = String::from_utf8_lossy(&parsed.stderr);
    assert!(parsed.status.success() && complaint.is_empty(), "{complaint}{text}");
    let output = Command::new("bash").arg(&file).env("SLURM_ARRAY_TASK_ID", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{text}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(root.join("arguments")).unwrap()
}

/// Folders, names and words as nobody would choose them.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -.0-\\[\\]-~]{1,12}",
        prop::sample::select(vec![
            "$(touch pwned)",
            "`touch pwned`",
            "'; touch pwned; '",
            "\" --wrap=\"touch pwned",
            "a b",
            "-x",
            "*",
            "${HOME}",
            "%A",
            "#x",
            "!!",
            "<(x)",
            "&",
            "|",
            "größe",
            "\u{2215}etc",
            "~root",
            "x\u{202e}y",
        ])
        .prop_map(str::to_string),
    ]
}

#[cfg(unix)]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn hostile_words_arrive_unchanged(
        folder in hostile(),
        partition in hostile(),
        name in hostile(),
        word in "[^\0]{0,12}",
        setup in prop::collection::vec(hostile().prop_map(|text| format!("true '{}'", text.replace('\'', ""))), 0..3),
    ) {
        let root = tempfile::tempdir().unwrap();
        let sweep = root.path().join(&folder);
        fs::create_dir_all(sweep.join("logs")).unwrap();
        fs::create_dir_all(sweep.join("slurm")).unwrap();
        let list = "slurm/it's a list.txt";
        fs::write(sweep.join(list), "unit one\nunit-two\n").unwrap();
        let target = root.path().join("arguments");
        let print = format!("printf '%s\\0' \"$@\" > '{}'", target.display());
        let command = words(&["/bin/sh", "-c", &print, "sh", &word]);
        let resources =
            Resources { partition: Some(partition.clone()), setup: Some(setup), ..Resources::default() };
        let sweep = sweep.to_str().unwrap();
        let script = ArrayScript {
            sweep, list, working_folder: sweep, ..script(&name, &resources, &command)
        };
        let text = script.text().unwrap();
        let expected = format!("{word}\0{sweep}\0unit one\0");
        prop_assert_eq!(run(root.path(), &text), expected);
        prop_assert!(!root.path().join("pwned").exists() && !Path::new("pwned").exists());
        let found = options(&text);
        for expected in [
            format!("--job-name={name}"),
            format!("--partition={partition}"),
            format!("--chdir={sweep}"),
            format!("--output={}/logs/slurm-%A_%a.log", sweep.replace('%', "%%")),
        ] {
            prop_assert!(found.contains(&expected), "no {} in {:?}", expected, found);
        }
    }
}
