//! Every `--help`: the tree of commands is walked, so that a new command is covered by itself.

use super::{Snapshots, run};
use crate::dermx::{TestResult, stdout};

/// The names below "Commands:" in a help.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

#[test]
fn every_command_says_what_it_is_for_and_has_an_example() -> TestResult {
    let folder = tempfile::tempdir()?;
    let mut snapshots = Snapshots::new("help");
    let mut waiting = vec![String::new()];
    while let Some(command) = waiting.pop() {
        let line = format!("{command} --help");
        let output = run(folder.path(), &line)?;
        let help = stdout(&output);
        let name = format!("dermx{command}");
        assert!(output.status.success(), "{line}");
        let below = commands(&help);
        // One that only holds others shows theirs.
        let only_holds_others = help.contains("<COMMAND>\n\nCommands:");
        let example = format!("\nExample: {name} ");
        let has_example =
            help.contains(&example) || help.contains(&format!("{}\n", example.trim_end()));
        assert!(only_holds_others || has_example, "{name} --help has no example");
        assert!(!help.starts_with("Usage:"), "{name} --help does not say what it is for");
        waiting.extend(below.iter().map(|name| format!("{command} {name}")));
        snapshots.check(&name.replace(' ', "_"), line.trim_start(), &help);
    }
    assert!(snapshots.names.len() > 15, "{:?}", snapshots.names);
    snapshots.finish()
}
