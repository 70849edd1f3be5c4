//! What the command says, word by word: every help, every kind of error and warning, every summary.
//!
//! `INSTA_UPDATE=always cargo xtask test snapshots` writes the snapshots anew; the difference is what
//! to read. Numbers that depend on the processor (of trained networks) are `#` in them.

mod errors;
mod help;
mod summaries;

use crate::dermx::{QUICK, TestResult, Workplace, command, copy, stderr, stdout};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Output;

/// The snapshots of one test, in a folder of their own.
struct Snapshots {
    group: &'static str,
    names: Vec<String>,
}

impl Snapshots {
    fn new(group: &'static str) -> Self {
        Self { group, names: Vec::new() }
    }

    /// Compares `text`, what the command `line` said, with the snapshot `name`.
    fn check(&mut self, name: &str, line: &str, text: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new("snapshots").join(self.group));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(format!("dermx {line}"));
        settings.bind(|| insta::assert_snapshot!(name.replace('-', "_"), text));
        self.names.push(format!("{}.snap", name.replace('-', "_")));
    }

    /// Runs `dermx LINE` in `folder`, and compares exit code, errors, warnings and standard output.
    fn run(&mut self, folder: &Path, name: &str, line: &str) -> TestResult {
        self.check(name, line, &answer(&run(folder, line)?, folder));
        Ok(())
    }

    /// [`Self::run`] of what must fail, warn, or have findings.
    fn complain(&mut self, folder: &Path, name: &str, line: &str) -> TestResult {
        let output = run(folder, line)?;
        let messages = messages(&stderr(&output));
        let has_findings = stdout(&output).contains("\n\n");
        assert!(has_findings || !messages.is_empty(), "dermx {line}: neither error nor warning");
        assert!(output.status.code().is_some(), "dermx {line}: ended by a signal: {messages}");
        assert!(!messages.contains("panicked"), "dermx {line}: {messages}");
        self.check(name, line, &answer(&output, folder));
        Ok(())
    }

    /// [`Self::run`] of what must succeed, with `#` for every number.
    fn run_without_numbers(&mut self, folder: &Path, name: &str, line: &str) -> TestResult {
        let output = run(folder, line)?;
        assert!(output.status.success(), "dermx {line}: {}", stderr(&output));
        self.check(name, line, &without_numbers(&tidy(&stdout(&output), folder)));
        Ok(())
    }

    /// Fails if the folder holds snapshots that nothing compares with any more.
    fn finish(self) -> TestResult {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
        for entry in fs::read_dir(folder.join(self.group))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let is_left_over = name.ends_with(".snap") && !self.names.contains(&name);
            assert!(!is_left_over, "{}/{name} is of no test any more: delete it", self.group);
        }
        Ok(())
    }
}

/// Runs `dermx LINE`; arguments have no spaces in them, unless `+` stands for one.
fn run(folder: &Path, line: &str) -> std::io::Result<Output> {
    let args: Vec<String> = line.split_whitespace().map(|arg| arg.replace('+', " ")).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    command(folder, &args).env_remove("COLUMNS").env_remove("RUST_LOG").output()
}

fn answer(output: &Output, folder: &Path) -> String {
    let code = output.status.code().map_or("none".to_string(), |code| code.to_string());
    let parts = [
        format!("exit code {code}\n"),
        tidy(&messages(&stderr(output)), folder),
        tidy(&stdout(output), folder),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Of what was printed to standard error, warnings and all from the error on: no progress.
fn messages(text: &str) -> String {
    let (mut found, mut is_error) = (String::new(), false);
    for line in text.lines() {
        is_error = is_error || line.starts_with("error:");
        // Which maps of a network are empty depends on the processor, and what it predicts.
        let is_of_network =
            line.contains("run/seed-0/heatmaps") || line.contains(" may have failed to train: ");
        let is_warning = line.starts_with(" WARN") && !is_of_network;
        if is_error || is_warning {
            found += line.trim_start();
            found += "\n";
        }
    }
    found
}

/// Without what is another folder or program in each run of the test.
fn tidy(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "FOLDER");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let lines = text.lines().map(|line| match line.split_once("(dermx VERSION, commit ") {
        Some((before, _)) => format!("{before}(dermx VERSION, commit HASH)\n"),
        None => format!("{line}\n"),
    });
    let text: String = lines.collect();
    let is_hash = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let hashes = text.split(|letter: char| !letter.is_alphanumeric()).filter(is_hash);
    hashes.fold(text.clone(), |text, hash| text.replace(hash, "HASH"))
}

/// `#` for each number that is no part of a name, one space for several: columns are as wide as their
/// numbers.
fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split_whitespace().map(without_number).collect();
        shown += &words.join(" ");
        shown += "\n";
    }
    shown
}

/// `[0.25,` and `undefined` become `[#,` and `#`, `resnet18` and `seed-0/weights` stay.
fn without_number(word: &str) -> String {
    let is_name = |letter: char| letter.is_alphabetic() || "_/".contains(letter);
    if word == "undefined" {
        return "#".into();
    }
    if word.contains(is_name) {
        return word.to_string();
    }
    let is_number = |letter: char| letter.is_ascii_digit();
    let Some(start) = word.find(is_number) else { return word.to_string() };
    let end = word.rfind(is_number).map_or(start, |end| end + 1);
    let before = word[..start].trim_end_matches(['-', '+', '.']);
    format!("{before}#{}", &word[end..])
}

#[test]
fn numbers_give_way_and_names_stay() {
    let text = "resnet18   0.250 [0.047, -1e0]  12 images in seed-0/a (3.1 %)\n";
    assert_eq!(without_numbers(text), "resnet18 # [#, -1e0] # images in seed-0/a (# %)\n");
}

/// The line that trains an EfficientNet-B0, the other sizes of which have tensors of its names, for one epoch into `run`.
fn train_line(run: &str) -> String {
    let args = Workplace::train_args(run).into_iter().chain(QUICK.map(String::from));
    let args: Vec<String> = args.map(|arg| arg.replace(' ', "+")).collect();
    let network = "--set model.architecture=efficientnet_b0";
    format!("{} --quiet --set run.epochs=1 {network}", args.join(" "))
}

/// A workplace with a trained network in the folder `run`.
fn trained() -> Result<Workplace, Box<dyn Error>> {
    let workplace = Workplace::new()?;
    let output = run(workplace.path(), &train_line("run"))?;
    assert!(output.status.success(), "{}", stderr(&output));
    Ok(workplace)
}

/// Annotations, maps and predictions that are made by hand, in the folder `hand`.
fn with_hand_made_maps(folder: &Path) -> std::io::Result<()> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/foreign_heatmaps");
    copy(&from, &folder.join("hand"))
}
