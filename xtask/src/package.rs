//! What crates.io would get of each crate: whole, and nothing more.

use crate::cargo::{cargo, metadata, output, root, succeed};
use crate::terminal::tell;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// The package of the command.
const COMMAND: &str = "dermx-cli";

/// What every package holds beside its sources.
const NEEDED: [&str; 5] =
    ["Cargo.lock", "Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Where packages are made, unpacked and installed from; a target folder of their own, so that nothing that is built
/// with other features is built anew.
fn folder() -> PathBuf {
    root().join("target/packages")
}

/// Packs every crate that is published, unpacks it, and looks whether it is whole; with `is_full` the command is also
/// installed from the unpacked crates alone, which compiles everything once more.
pub fn run(is_full: bool) -> Result<()> {
    let packages = published(&metadata()?);
    ensure!(packages.iter().any(|(name, _)| name == COMMAND), "{COMMAND} is not published");
    let mut pack = cargo(&["package", "--no-verify", "--allow-dirty", "--locked", "--quiet"]);
    pack.arg("--target-dir").arg(folder());
    for (name, _) in &packages {
        pack.args(["--package", name]);
    }
    // Cargo warns of tests and examples that are left out; what it says matters only where it fails.
    output(&mut pack)?;
    let unpacked = folder().join("unpacked");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    fs::create_dir(&unpacked)?;
    let mut problems = Vec::new();
    for (name, version) in &packages {
        let package = format!("{name}-{version}");
        let archive = folder().join("package").join(format!("{package}.crate"));
        succeed(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&unpacked))?;
        problems.extend(problems_of(&unpacked.join(&package))?);
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    tell(format!("{} packages are whole", packages.len()));
    if is_full { install(&packages, &unpacked) } else { Ok(()) }
}

/// Names and versions of the members of the workspace that are published.
fn published(metadata: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let members: Vec<&Value> =
        metadata["workspace_members"].as_array().into_iter().flatten().collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        // `publish = false` is an empty list of registries.
        .filter(|package| members.contains(&&package["id"]) && package["publish"].is_null())
        .map(|package| (text(&package["name"]), text(&package["version"])))
        .collect()
}

/// What the unpacked package in `folder` lacks.
fn problems_of(folder: &Path) -> Result<Vec<String>> {
    let name = folder.file_name().unwrap_or_default().display().to_string();
    let mut files = BTreeSet::new();
    list(folder, Path::new(""), &mut files)?;
    let missing = NEEDED.iter().filter(|file| !files.contains(Path::new(file)));
    let mut problems: Vec<String> = missing.map(|file| format!("{name}: no {file}")).collect();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")) {
        let text = fs::read_to_string(folder.join(file))?;
        for included in includes(&text) {
            let path = straight(&file.parent().unwrap_or(Path::new("")).join(&included));
            if !path.is_some_and(|path| files.contains(&path)) {
                problems.push(format!(
                    "{name}: {} includes `{included}`, which is not in the package",
                    file.display()
                ));
            }
        }
    }
    Ok(problems)
}

/// Adds the files below `at` in `folder`, relative to `folder`.
fn list(folder: &Path, at: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder.join(at))? {
        let entry = entry?;
        let path = at.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(folder, &path, files)?;
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

/// The files that a Rust source names to be compiled in, as it names them.
fn includes(source: &str) -> Vec<String> {
    let marks = ["include_str!(\"", "include_bytes!(\"", "include!(\"", "#[path = \""];
    let after = marks.iter().flat_map(|mark| source.split(mark).skip(1));
    after.filter_map(|rest| rest.split_once('"')).map(|(path, _)| path.to_string()).collect()
}

/// The path without `.` and `..`; nothing where it leaves its folder.
fn straight(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !parts.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}

/// Installs the command from the unpacked packages, each of which takes the others for what crates.io has.
fn install(packages: &[(String, String)], unpacked: &Path) -> Result<()> {
    let mut config = String::from("[patch.crates-io]\n");
    for (name, version) in packages {
        let path = unpacked.join(format!("{name}-{version}"));
        writeln!(config, "{name} = {{ path = {:?} }}", path.display().to_string())?;
    }
    let file = folder().join("patch.toml");
    fs::write(&file, config)?;
    let (_, version) =
        packages.iter().find(|(name, _)| name == COMMAND).context("no package of the command")?;
    let installed = folder().join("installed");
    let mut install = cargo(&["install", "--force", "--path"]);
    install.arg(unpacked.join(format!("{COMMAND}-{version}")));
    install.arg("--config").arg(&file).arg("--root").arg(&installed);
    // Below the workspace a package would take itself for a member of it.
    install.current_dir(unpacked).arg("--target-dir").arg(folder());
    succeed(&mut install)?;
    let command = installed.join("bin").join(format!("dermx{}", std::env::consts::EXE_SUFFIX));
    let printed = output(Command::new(command).arg("--version"))?;
    ensure!(printed.trim() == format!("dermx {version}"), "the installed command is `{printed}`");
    tell(format!("installed from its packages: {}", printed.trim()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{includes, problems_of, published, straight};
    use serde_json::json;
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn members_that_are_not_for_others_are_left_out() {
        let package = |name: &str, publish| json!({"id": name, "name": name, "version": "1.0.0", "publish": publish});
        let metadata = json!({
            "workspace_members": ["a", "b"],
            "packages": [package("a", json!(null)), package("b", json!([])), package("c", json!(null))],
        });
        assert_eq!(published(&metadata), [("a".to_string(), "1.0.0".to_string())]);
    }

    #[test]
    fn what_a_source_includes_is_found() {
        let source = "#[path = \"../a.rs\"]\nmod a;\nconst B: &str = include_str!(\"b.txt\");\n\
                      const C: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/c\"));\n";
        assert_eq!(includes(source), ["b.txt", "../a.rs"]);
    }

    #[test]
    fn paths_that_leave_the_package_are_none() {
        assert_eq!(straight(Path::new("src/a/../../b.txt")), Some(PathBuf::from("b.txt")));
        assert_eq!(straight(Path::new("src/../../b.txt")), None);
        assert_eq!(straight(Path::new("/b.txt")), None);
    }

    #[test]
    fn a_package_that_includes_a_file_of_elsewhere_or_lacks_its_licence_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        for name in ["Cargo.lock", "Cargo.toml", "LICENSE-MIT", "README.md", "page.html"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let source = "include_str!(\"../page.html\"); include_bytes!(\"../../shared.toml\");";
        fs::write(folder.path().join("src/lib.rs"), source).unwrap();
        let problems = problems_of(folder.path()).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].ends_with("no LICENSE-APACHE"), "{problems:?}");
        assert!(problems[1].contains("lib.rs includes `../../shared.toml`"), "{problems:?}");
    }
}
