//! Several processes write the same files at once.

use crate::dermx::{QUICK, TestResult, Workplace, command, stderr, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

#[test]
fn six_reports_at_once_are_one_report_and_no_reader_sees_half_of_it() -> TestResult {
    let workplace = Workplace::new()?;
    let args = [Workplace::train_args("run"), QUICK.map(String::from).to_vec()].concat();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    succeed(workplace.path(), &args)?;
    let report = ["report", "run", "--out", "report", "--overwrite"];
    succeed(workplace.path(), &report)?;
    let folder = workplace.join("report");
    let page = folder.join("index.html");
    let (whole, names) = (fs::read(&page)?, names(&folder)?);
    let mut writers = Vec::new();
    for _ in 0..6 {
        let mut report = command(workplace.path(), &report);
        writers.push(report.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?);
    }
    let mut num_reads = 0;
    while writers.iter_mut().any(|child| matches!(child.try_wait(), Ok(None))) {
        let found = fs::read(&page)?;
        assert!(found == whole, "{} bytes instead of {}", found.len(), whole.len());
        num_reads += 1;
    }
    assert!(num_reads > 0);
    for child in writers {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(self::names(&folder)?, names);
    Ok(())
}

fn names(folder: &std::path::Path) -> std::io::Result<BTreeSet<std::ffi::OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}
