//! The event file against TensorBoard's own writer and reader.

use dermx_report::{LoggedStep, event_file};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    steps: Vec<(u64, Vec<(String, f64)>)>,
    /// What TensorBoard reads: step, time and value of each event, by tag.
    read: BTreeMap<String, Vec<(u64, f64, f64)>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

#[test]
fn the_bytes_are_those_of_tensorboards_own_writer() {
    let steps: Vec<LoggedStep> =
        golden().steps.into_iter().map(|(step, scalars)| LoggedStep { step, scalars }).collect();
    assert!(event_file(&steps) == include_bytes!("golden.tfevents"));
}

#[test]
fn tensorboard_reads_each_value_in_single_precision() {
    let Golden { steps, read } = golden();
    let mut expected = BTreeMap::<String, Vec<(u64, f64, f64)>>::new();
    for (step, scalars) in steps {
        for (tag, value) in scalars {
            let event = (step, step as f64, f64::from(value as f32));
            expected.entry(tag).or_default().push(event);
        }
    }
    assert_eq!(read, expected);
}
