//! The command with `--backend wgpu`.

use crate::dermx::{QUICK, TestResult, Workplace, command, fail, stderr, stdout, succeed};
use crate::wgpu;
use serde_json::Value;
use std::path::Path;

#[test]
fn the_device_is_listed_with_its_name() -> TestResult {
    if wgpu().is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let output = succeed(folder.path(), &["backends", "--backend", "wgpu", "--json"])?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((&found[0]["backend"], &found[0]["built_in"]), (&"wgpu".into(), &true.into()));
    assert_eq!(found[0]["devices"][0]["backend"], "wgpu:0");
    assert!(found[0]["devices"][0]["name"].is_string(), "{found}");
    println!("{}", stdout(&succeed(folder.path(), &["backends"])?));
    fail(folder.path(), &["backends", "--backend", "wgpu:99"], 2, &["wgpu:99", "there "])
}

#[test]
fn without_a_driver_there_is_an_error_and_no_panic() -> TestResult {
    let folder = tempfile::tempdir()?;
    let output = command(folder.path(), &["backends", "--backend", "wgpu"])
        // As on a machine without Vulkan and without OpenGL.
        .env("VK_ICD_FILENAMES", "/nowhere")
        .env("VK_DRIVER_FILES", "/nowhere")
        .env("WGPU_BACKEND", "vulkan")
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere")
        .env("LIBGL_DRIVERS_PATH", "/nowhere")
        .output()?;
    let message = stderr(&output);
    assert!(!message.contains("panicked"), "{message}");
    if !output.status.success() {
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("--backend wgpu:0: "), "{message}");
        assert!(message.contains("`dermx backends`"), "{message}");
    }
    Ok(())
}

#[test]
fn what_a_device_cannot_do_is_an_error_and_no_panic() -> TestResult {
    let Some(device) = wgpu() else { return Ok(()) };
    // One feature map of 64 x 512 x 512 x 8 floats, 512 MiB, is more than a driver in software takes;
    // a GPU may well take it.
    if !device.identity().is_some_and(|identity| identity.name.contains("llvmpipe")) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let args = [
        "bench",
        "--backend",
        "wgpu",
        "--arch",
        "resnet18",
        "--mode",
        "infer",
        "--batch",
        "8",
        "--size",
        "1024x1024",
        "--steps",
        "1",
    ];
    fail(folder.path(), &args, 70, &["wgpu:0 (llvmpipe", "failed: ", "--backend cpu"])
}

#[test]
fn backends_are_compared_in_one_table() -> TestResult {
    if wgpu().is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let args = [
        "bench",
        "--backend",
        "cpu",
        "--backend",
        "wgpu",
        "--batch",
        "8",
        "--steps",
        "1",
        "--out",
        "page",
        "--json",
    ];
    let output = succeed(folder.path(), &args)?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(found["measurements"].as_array().map(Vec::len), Some(6), "{found}");
    let parity = &found["parity"][0];
    for row in parity["differences"].as_array().ok_or("no differences")? {
        println!("{row}");
        assert_ne!(row["verdict"], "beyond", "{row}");
    }
    assert_eq!(parity["agreement"], 1.0);
    let page = std::fs::read_to_string(folder.path().join("page/index.html"))?;
    for part in ["Research output", "gradients of step 1", "wgpu:0 ("] {
        assert!(page.contains(part), "{part}");
    }
    assert!(folder.path().join("page/comparison.json").exists());
    Ok(())
}

fn json(path: &Path) -> Result<Value, Box<dyn std::error::Error>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

#[test]
fn a_run_is_trained_certified_and_resumed_on_its_own_backend_alone() -> TestResult {
    if wgpu().is_none() {
        return Ok(());
    }
    let work = Workplace::new()?;
    // Batches of 5 of 24 images: the last one is smaller.
    let more = ["--set", "train.batch_size=5", "--set", "explain.sanity=[]"];
    let train = |run: &str, backend: &str, rest: &[&str]| {
        let backend = ["--backend", backend];
        work.train(run, &[&QUICK[..], &more, &backend, rest].concat()).output()
    };
    let output = train("wgpu", "wgpu", &[])?;
    assert!(output.status.success(), "{}", stderr(&output));
    let certificate = json(&work.join("wgpu/seed-0/run.json"))?;
    let backend = certificate["made_with"]["backend"].as_str().unwrap_or_default();
    assert!(backend.starts_with("wgpu:0 ("), "{backend}");

    let resumed = train("wgpu", "cpu", &["--resume"])?;
    let message = stderr(&resumed);
    assert_eq!(resumed.status.code(), Some(65), "{message}");
    assert!(message.contains("backend: before wgpu, now cpu"), "{message}");
    let resumed = train("wgpu", "wgpu", &["--resume"])?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));

    // The same weights predict the same on both.
    let weights = "wgpu/seed-0/weights.safetensors";
    assert!(work.join(weights).exists());
    let args = ["bench", "--run", "wgpu", "--backend", "cpu", "--backend", "wgpu", "--batch", "4"];
    let output = succeed(
        work.path(),
        &[&args[..], &["--mode", "infer", "--steps", "1", "--json"]].concat(),
    )?;
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let parity = &found["parity"][0];
    assert_eq!(
        (&parity["num_images"], &parity["agreement"]),
        (&12.into(), &1.0.into()),
        "{parity}"
    );

    let verified = succeed(work.path(), &["verify", "wgpu", "--backend", "wgpu"])?;
    println!("{}", stdout(&verified));
    Ok(())
}
