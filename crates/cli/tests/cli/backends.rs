//! `--backend` in a binary that has the processor alone, and comparisons of backends.

use crate::dermx::{TestResult, command, fail, stderr, stdout, succeed};
use serde_json::Value;

#[test]
fn a_backend_that_is_not_built_in_is_an_error_that_says_how_to_get_it() -> TestResult {
    let folder = tempfile::tempdir()?;
    for backend in ["wgpu", "cuda:1"] {
        let kind = backend.split(':').next().unwrap_or_default();
        let advice = format!("built without {kind}; `cargo xtask STAGE ... --backend {kind}`");
        for stage in [&["train", "--config", "quickstart.toml"][..], &["bench"], &["backends"]] {
            let args = [stage, &["--backend", backend]].concat();
            fail(folder.path(), &args, 2, &[&advice, "not built in", "`dermx backends`"])?;
        }
    }
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

#[test]
fn backends_are_listed() -> TestResult {
    let folder = tempfile::tempdir()?;
    let text = stdout(&succeed(folder.path(), &["backends"])?);
    assert!(text.contains("cpu      the processor\n"), "{text}");
    assert!(text.contains("cuda     not in this binary"), "{text}");
    let found: Value =
        serde_json::from_slice(&succeed(folder.path(), &["backends", "--json"])?.stdout)?;
    assert_eq!(
        (&found[0]["backend"], &found[0]["devices"][0]["backend"]),
        (&"cpu".into(), &"cpu".into())
    );
    assert_eq!((&found[1]["backend"], &found[1]["built_in"]), (&"wgpu".into(), &false.into()));
    let output = command(folder.path(), &["backends", "--backend", "gpu"]).output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("write cpu, wgpu or cuda"), "{}", stderr(&output));
    Ok(())
}

#[test]
fn the_environment_does_not_choose_the_device() -> TestResult {
    let folder = tempfile::tempdir()?;
    let args = [
        "bench", "--arch", "resnet18", "--batch", "2", "--size", "32x48", "--steps", "1", "--json",
    ];
    let output = command(folder.path(), &args)
        .env("BURN_DEVICE", "cuda")
        .env("CUBECL_WGPU_DEFAULT_DEVICE", "DiscreteGpu(7)")
        .output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (&found[0]["backend"], &found[0]["device"]),
        (&"cpu".into(), &"cpu (burn-flex)".into())
    );
    Ok(())
}

#[test]
fn a_backend_beside_itself_differs_by_nothing_and_its_control_by_something() -> TestResult {
    let folder = tempfile::tempdir()?;
    let args = [
        "bench",
        "--backend",
        "cpu",
        "--backend",
        "cpu",
        "--arch",
        "mobilenet_v2",
        "--batch",
        "4",
        "--size",
        "32x48",
        "--steps",
        "1",
        "--out",
        "page",
    ];
    let found: Value = serde_json::from_slice(
        &succeed(folder.path(), &[&args[..], &["--json"]].concat())?.stdout,
    )?;
    let modes = found["measurements"].as_array().ok_or("no measurements")?;
    let modes: Vec<&str> = modes.iter().filter_map(|one| one["mode"].as_str()).collect();
    assert_eq!(modes, ["step", "infer", "explain", "step", "infer", "explain"]);
    let parity = &found["parity"][0];
    let differences = parity["differences"].as_array().ok_or("no differences")?;
    assert_eq!(differences.len(), 6);
    for row in differences {
        assert_eq!((&row["difference"], &row["verdict"]), (&0.0.into(), &"within".into()), "{row}");
    }
    let control = |idx: usize| differences[idx]["control"].as_f64().unwrap_or_default();
    assert!(control(0) > 0.0 && control(3) > 0.0, "{parity}");
    assert_eq!((&parity["num_images"], &parity["agreement"]), (&4.into(), &1.0.into()));
    let page = std::fs::read_to_string(folder.path().join("page/index.html"))?;
    for part in ["Research output", "gradients of step 1", "cpu (burn-flex)"] {
        assert!(page.contains(part), "{part}");
    }
    let args = [&args[..], &["--overwrite"]].concat();
    let text = stdout(&succeed(folder.path(), &args)?);
    assert!(text.contains("predict the same class for 4 of 4 images (100.0 %)"), "{text}");
    fail(folder.path(), &["bench", "--out", "page"], 2, &["--out is for comparisons"])
}
