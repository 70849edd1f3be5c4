//! Whether bash can read a script.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// Has bash read `script` without running it, where there is a bash.
///
/// # Errors
/// What bash complains of, also what it only warns of: a text that runs on to the end of the script.
pub fn check(script: &str) -> Result<(), String> {
    let mut bash = Command::new("bash");
    // In the words of no other language, and without what a user has bash read first.
    bash.arg("-n").env("LC_ALL", "C").env_remove("BASH_ENV").stdin(Stdio::piped());
    let started = bash.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("bash cannot be run: {error}")),
    };
    let piped = child.stdin.take();
    // It may have seen enough, and closed its end.
    let _ = piped.map(|mut stdin| stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("bash: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    match output.status.success() && complaint.is_empty() {
        true => Ok(()),
        false => Err(complaint.trim().to_string()),
    }
}
