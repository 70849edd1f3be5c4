//! Any number of threads, and any number of times: the same bytes.

use super::{Cases, ensure, ensure_same, is_full};
use crate::dermx::{Files, TestResult, Workplace, results, stderr};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

const NETWORKS: [&str; 5] =
    ["efficientnet_b0", "efficientnet_b3", "resnet18", "resnet34", "resnet50"];
const THREADS: [&str; 4] = ["1", "2", "8", "16"];
const TIMES: [u32; 3] = [1, 2, 3];

/// What comes of a run of `network` with `threads` threads.
fn train(workplace: &Workplace, network: &str, threads: &str) -> Result<Files, Box<dyn Error>> {
    let network = format!("model.architecture={network}");
    let settings = ["--set", &network, "--set", "run.seeds=[0]", "--set", "run.epochs=1"];
    let settings = [&settings[..], &["--set", "explain.sanity=[]", "--quiet"]].concat();
    let output = workplace.train("run", &settings).env("RAYON_NUM_THREADS", threads).output()?;
    ensure(output.status.success(), || stderr(&output))?;
    let files = results(&workplace.join("run"))?;
    fs::remove_dir_all(workplace.join("run"))?;
    Ok(files)
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_each_time() -> TestResult {
    let workplace = Workplace::new()?;
    let all = NETWORKS.iter().flat_map(|network| {
        THREADS.iter().flat_map(move |threads| TIMES.map(|time| (*network, *threads, time)))
    });
    // Fewer are those of the smallest network.
    let few = THREADS.map(|threads| (NETWORKS[0], threads, 1)).to_vec();
    let chosen = if is_full() { all.collect() } else { few };
    let mut first: BTreeMap<&str, Files> = BTreeMap::new();
    let mut cases = Cases::default();
    for (network, threads, time) in chosen {
        let end = train(&workplace, network, threads).and_then(|files| match first.get(network) {
            Some(first) => ensure_same(first, &files),
            None => {
                first.insert(network, files);
                Ok(())
            }
        });
        cases.add(&format!("{network} with {threads} threads, time {time}"), end);
    }
    cases.end()
}
