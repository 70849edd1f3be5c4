//! Tests that nobody would miss: a file in `tests` that its program does not name is not compiled.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files and folders in `crates/*/tests` that neither `main.rs` there nor the package names.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let read = |path: &Path| {
        fs::read_to_string(root.join(path)).with_context(|| format!("{}", path.display()))
    };
    let mut problems = Vec::new();
    for main in files.iter().filter(|path| is_main(path)) {
        let Some(folder) = main.parent() else { continue };
        let manifest = read(&folder.with_file_name("Cargo.toml"))?;
        let left = left_out(folder, files, &read(main)?, &manifest);
        problems.extend(left.into_iter().map(|name| {
            format!(
                "{}: not compiled: `mod {name};` is not in main.rs",
                folder.join(&name).display()
            )
        }));
    }
    Ok(problems)
}

fn is_main(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().collect();
    matches!(parts[..], [crates, _, tests, main] if crates == "crates" && tests == "tests" && main == "main.rs")
}

/// Modules in `folder` that neither `main` nor the package's `manifest` names.
fn left_out(folder: &Path, files: &[PathBuf], main: &str, manifest: &str) -> BTreeSet<String> {
    let inside = files.iter().filter_map(|path| path.strip_prefix(folder).ok());
    let sources = inside.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let modules =
        sources.filter_map(|path| path.iter().next()?.to_str()).filter(|&name| name != "main.rs");
    let is_named = |name: &str| {
        let module = format!("mod {};", name.trim_end_matches(".rs"));
        main.lines().any(|line| line == module) || manifest.contains(&format!("\"tests/{name}"))
    };
    let left = modules.filter(|name| !is_named(name));
    left.map(|name| name.trim_end_matches(".rs").to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_main, left_out};
    use std::path::{Path, PathBuf};

    #[test]
    fn a_file_that_no_program_names_is_found() {
        let folder = Path::new("crates/a/tests");
        let names = ["main.rs", "b.rs", "c/mod.rs", "c/d.rs", "e.rs", "f/mod.rs", "g.rs", "h.json"];
        let files: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        let left = left_out(folder, &files, "mod b;\nmod c;\n", "path = \"tests/e.rs\"\n");
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["f", "g"]);
        assert!(is_main(&files[0]) && !is_main(Path::new("crates/cli/tests/cli/main.rs")));
    }
}
