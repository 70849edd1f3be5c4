//! The table of speeds, from the measurements in `experiments`.

use super::generated::read;
use anyhow::{Context, Result};
use std::path::Path;

/// What `experiments/beside_pytorch.py` wrote.
const MEASURED: &str = "experiments/2026-11-27-cpu.md";

/// Sections of that file, and their rows in the book.
const SECTIONS: [(&str, &str); 6] = [
    ("resnet50, step", "ResNet-50, training step, all layers"),
    ("resnet50, recipe", "ResNet-50, recipe"),
    ("resnet50, infer", "ResNet-50, prediction"),
    ("efficientnet_b4, step", "EfficientNet-B4, training step, all layers"),
    ("efficientnet_b4, recipe", "EfficientNet-B4, recipe"),
    ("efficientnet_b4, infer", "EfficientNet-B4, prediction"),
];

/// Programs of that file, and their columns in the book.
const PROGRAMS: [(&str, &str); 6] = [
    ("dermx", "dermx"),
    ("eager channels_last", "PyTorch"),
    ("eager channels_last, tuned malloc", "tuned"),
    ("compile channels_last", "torch.compile"),
    ("onnxruntime", "ONNX Runtime"),
    ("openvino", "OpenVINO"),
];

/// Images a second of each program, and the memory of the first two.
pub fn table(root: &Path) -> Result<String> {
    table_of(&read(root, MEASURED)?)
}

fn table_of(measured: &str) -> Result<String> {
    let names = PROGRAMS.map(|(_, name)| name).join(" | ");
    let mut rows = vec![
        format!("| images a second | {names} | peak memory of dermx, PyTorch |"),
        "|---".repeat(PROGRAMS.len() + 2) + "|",
    ];
    for (section, name) in SECTIONS {
        let part =
            section_of(measured, section).with_context(|| format!("no section {section}"))?;
        let speeds = PROGRAMS.map(|(program, _)| {
            row(part, program).map_or(String::new(), |row| format!("{:.1}", row.images_per_s))
        });
        let memory = [PROGRAMS[0], PROGRAMS[1]].map(|(program, _)| {
            row(part, program)
                .map_or(String::new(), |row| format!("{:.1}", row.memory_mib / 1024.0))
        });
        let (first, others) = (&speeds[0], speeds[1..].join(" | "));
        rows.push(format!("| {name} | **{first}** | {others} | {} GiB |", memory.join(", ")));
    }
    Ok(rows.join("\n"))
}

/// The text below a heading of the second level.
fn section_of<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n"))?;
    rest.split("\n## ").next()
}

/// What was measured of one program.
struct Row {
    images_per_s: f64,
    memory_mib: f64,
}

/// The row of `program`: its first cell begins with the median, its last is the memory.
fn row(section: &str, program: &str) -> Option<Row> {
    let line = section.lines().find(|line| line.starts_with(&format!("| {program} |")))?;
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let images_per_s = cells.get(1)?.split(' ').next()?.parse().ok()?;
    Some(Row { images_per_s, memory_mib: cells.last()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{SECTIONS, row, section_of, table_of};

    #[test]
    fn medians_and_memory_of_every_section_are_rows() {
        let section = |name: &str| {
            format!(
                "\n## {name}\n\n| dermx | 3.22 (3.20 to 3.25) |  | 1742 |\n\
                 | eager channels_last | 2.38 (2.38 to 2.38) | 1.35 | 2884 |\n"
            )
        };
        let measured: String = SECTIONS.iter().map(|(name, _)| section(name)).collect();
        let table = table_of(&measured).unwrap();
        let last = table.lines().last().unwrap();
        assert_eq!(
            last,
            "| EfficientNet-B4, prediction | **3.2** | 2.4 |  |  |  |  | 1.7, 2.8 GiB |"
        );
        assert!(table_of("\n## resnet50, step\n").is_err());
        let part = section_of(&measured, "resnet50, infer").unwrap();
        assert!(row(part, "openvino").is_none());
    }
}
