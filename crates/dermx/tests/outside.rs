//! A crate of somebody else that depends on `dermx` by path.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
use dermx::{Context, Experiment, Session, Watch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let experiment = Experiment::open("quickstart.toml")?.set("run.epochs=3")?;
    let session = Session::cpu().with_threads(2)?;
    let context = Context { session: &session, watch: Watch::SILENT };
    println!("{} epochs on {}", experiment.config().run.epochs, context.session.description());
    Ok(())
}
"#;

/// Features that the command's own dependencies turn on in crates that Burn uses, too. With other ones
/// Burn would be compiled a second time, which takes ten minutes.
const SAME_FEATURES: &str = "
log = { version = \"0.4\", features = [\"std\"] }
portable-atomic = \"1\"
regex-syntax = \"0.8\"
rustix = { version = \"1\", features = [\"termios\"] }
tracing-core = \"0.1\"
";

/// Sections of the workspace's manifest, so that what is compiled already serves here, too.
fn profiles(manifest: &str) -> String {
    let mut is_profile = false;
    let mut lines = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_profile = line.starts_with("[profile.release");
        }
        if is_profile {
            lines += &format!("{line}\n");
        }
    }
    lines
}

#[test]
#[ignore = "compiles the library once more, which takes minutes; `cargo xtask check --full` runs it"]
fn a_crate_outside_of_the_workspace_builds_on_the_library() -> Result<(), Box<dyn Error>> {
    let dermx = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = dermx.parent().and_then(Path::parent).ok_or("no workspace")?;
    let folder = tempfile::tempdir()?;
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\ndermx = {{ path = {:?} }}\n{SAME_FEATURES}\n[workspace]\n\n{}",
        dermx,
        profiles(&fs::read_to_string(root.join("Cargo.toml"))?)
    );
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("src/main.rs"), PROGRAM)?;
    // The versions that the workspace was tested with.
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock"))?;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What a runner of tests says of its package would have build scripts run anew (ring's), here and again
    // when the workspace is built next.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let output = command
        .args(["run", "--release", "--offline"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", target)
        .output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "3 epochs on cpu (burn-flex)\n", "{message}");
    Ok(())
}
