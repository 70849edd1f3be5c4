//! Lists and sections in each other, 10,000 deep and more.

use crate::memory::bounded;
use dermx_fuzz::{Group, Outcome, targets};

#[test]
fn deep_nesting_is_refused_by_every_reader() {
    const DEPTH: usize = 100_000;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(DEPTH), close.repeat(DEPTH));
    let json = ["[", "{\"a\":", "[[{\"annotations\":"].map(|open| deep(open, "]"));
    let toml = [
        format!("a = {}", deep("[", "]")),
        format!("a = {}", deep("{ b = ", " }")),
        format!("{} = 1", vec!["a"; DEPTH].join(".")),
        format!("[{}]\nb = 1", vec!["a"; DEPTH].join(".")),
        format!("[[{}]]\nb = 1", vec!["run"; DEPTH].join(".")),
    ];
    let xml = [format!("<annotations>{}", deep("<image>", "</image>"))];
    for target in targets() {
        let texts = match target.group {
            Group::Annotations if target.name == "cvat" => &xml[..],
            Group::Annotations => &json,
            Group::Configurations => &toml,
            _ => continue,
        };
        for (text_idx, text) in texts.iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            (target.prepare)(folder.path());
            let name = format!("{} of {text_idx}", target.name);
            // A thread of a test has less stack than that of a program.
            let outcome = bounded(&name, || target.run(folder.path(), text.as_bytes()));
            assert!(outcome == Outcome::Refused || target.name == "journal", "{name}");
        }
    }
}
