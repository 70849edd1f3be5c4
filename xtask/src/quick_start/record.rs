//! What README and book say of the quick start, compared with a run.

use crate::cargo::root;
use crate::terminal::tell;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The run that README and book speak of; the same commands compare their numbers with it.
const RECORD: &str = "experiments/quickstart.json";

/// How far apart scores may be that are printed with three digits.
const SAME: f64 = 5e-4;
/// How far apart they may be on another processor, which may add in another order.
const ALIKE: f64 = 0.15;
/// How much more memory, and time, than is printed; more time is only told, since machines are shared.
const MEMORY: f64 = 1.5;
const TIME: f64 = 3.0;

/// Compares a finished run with the record.
pub fn compare(run: &Path, time: Duration, peak_gib: f64) -> Result<()> {
    let read = |path: &Path| -> Result<Value> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
    };
    let (record, found) = (read(&root().join(RECORD))?, read(&run.join("eval.json"))?);
    let number = |key: &str| record[key].as_f64().with_context(|| format!("{RECORD} has no {key}"));
    let (minutes, memory) = (number("minutes")?, number("peak_gib")?);
    if time.as_secs_f64() > TIME * 60.0 * minutes {
        tell(format!(
            "WARNING: {RECORD} says {minutes} minutes: look whether this machine is busy"
        ));
    }
    ensure!(peak_gib <= MEMORY * memory, "{RECORD} says {memory} GiB");
    let own = processor();
    let tolerance = if record["cpu"] == own {
        SAME
    } else {
        tell(format!("the scores of {RECORD} are of another processor: compared roughly ({own})"));
        ALIKE
    };
    let differences = differences("", &record["scores"], &found, tolerance);
    if !differences.is_empty() {
        bail!("{RECORD} (printed in README and book) differs:\n{}", differences.join("\n"));
    }
    tell(format!("the scores are those of {RECORD}"));
    Ok(())
}

/// The processor of this machine, as Linux calls it, with the instructions that the kernels are told to use.
fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let mut lines = told.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim() == key).map_or("", |(_, value)| value.trim())
    };
    let [name, family, model] = ["model name", "cpu family", "model"].map(value);
    let name = format!("{name}, family {family}, model {model}");
    match std::env::var("DERMX_SIMD") {
        Ok(simd) => format!("{name}, {simd}"),
        Err(_) => name,
    }
}

/// The numbers in `record` that are further than `tolerance` from those in the same places of `found`.
fn differences(place: &str, record: &Value, found: &Value, tolerance: f64) -> Vec<String> {
    let inside =
        |key: String, value, found| differences(&format!("{place}/{key}"), value, found, tolerance);
    match record {
        Value::Object(values) => {
            values.iter().flat_map(|(key, value)| inside(key.clone(), value, &found[key])).collect()
        }
        Value::Array(values) => {
            let values = values.iter().enumerate();
            values.flat_map(|(idx, value)| inside(idx.to_string(), value, &found[idx])).collect()
        }
        expected => match (expected.as_f64(), found.as_f64()) {
            (Some(expected), Some(found)) if (expected - found).abs() <= tolerance => Vec::new(),
            _ => vec![format!("{place}: {expected}, found {found}")],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn every_number_of_the_record_is_compared() {
        let record = json!({"a": {"mean": 0.5, "seeds": [0.4, 0.6]}});
        let of = |found, tolerance| differences("", &record, &found, tolerance);
        let found = json!({"a": {"mean": 0.5, "seeds": [0.4, 0.61], "n": 2}, "b": 1});
        assert_eq!(of(found.clone(), 5e-4), ["/a/seeds/1: 0.6, found 0.61"]);
        assert!(of(found, 0.02).is_empty());
        assert_eq!(of(json!({"a": {"mean": 0.5}}), 1.0).len(), 2);
    }
}
