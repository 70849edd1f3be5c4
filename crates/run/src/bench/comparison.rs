//! Several backends side by side.

use super::parity::{Difference, Parity};
use super::subject::PERTURBATION;
use super::{Measurement, Rate};
use dermx_report::TablesPage;
use dermx_table::{Cell, Column, Table};
use serde::Serialize;

/// Images named of those for which predictions differ.
const MAX_NAMED: usize = 20;

/// What was measured and compared.
#[derive(Debug, Serialize)]
pub struct BackendComparison {
    /// Where weights and images are from.
    pub subject: String,
    /// The network.
    pub arch: String,
    /// Images in a batch.
    pub batch: usize,
    /// Height and width.
    pub size: String,
    /// Version of dermx.
    pub dermx_version: &'static str,
    /// Version of Burn.
    pub burn_version: &'static str,
    /// Each backend's times and memory, mode by mode.
    pub measurements: Vec<Measurement>,
    /// Each backend but the first beside the first.
    pub parity: Vec<Parity>,
}

impl BackendComparison {
    /// For the terminal.
    pub fn text(&self) -> String {
        let tables: Vec<String> = self.tables().iter().map(Table::terminal).collect();
        let agreements: String =
            self.parity.iter().map(|parity| format!("{}\n", agreement(parity))).collect();
        format!("{}\n{}\n{}", self.heading(), tables.join("\n"), agreements)
    }

    /// The page.
    pub fn page(&self) -> TablesPage {
        let mut notes = vec![self.heading()];
        notes.extend(self.parity.iter().map(agreement));
        notes.push(format!(
            "A loss is compared by |a - b| / |a|, all else by the Euclidean norms ||a - b|| / ||a|| \
             over all values. The control is the first backend beside itself when each pixel is \
             multiplied by 1 + {PERTURBATION:e} or 1 - {PERTURBATION:e} at random. A difference \
             above the tolerance but within three times the control's says nothing about a \
             backend: the network magnifies rounding as much."
        ));
        TablesPage { title: "Backends side by side".to_string(), tables: self.tables(), notes }
    }

    fn heading(&self) -> String {
        let Self { subject, arch, batch, size, dermx_version, burn_version, .. } = self;
        format!(
            "{arch}, batch {batch} of {size}, 32-bit floats; {subject}; dermx {dermx_version}, Burn \
             {burn_version}."
        )
    }

    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.speed()];
        tables.extend(self.parity.iter().map(parity_table));
        tables.extend(self.parity.iter().filter_map(disagreements));
        tables
    }

    fn speed(&self) -> Table {
        let columns = [
            Column::text("device"),
            Column::text("mode"),
            Column::number("images_per_s").label("images/s"),
            Column::number("min"),
            Column::number("max"),
            Column::number("first_batch_s").label("first batch s"),
            Column::count("process_mib").label("process MiB"),
            Column::count("device_mib").label("device MiB"),
        ];
        let title = "Speed and memory; the first batch includes compiling and tuning";
        let mut table = Table::new("speed", title, columns);
        let mib = |memory: Option<u64>| Cell::count_or(memory, "-");
        for found in &self.measurements {
            let Rate { median, min, max } = found.images_per_s;
            table.push([
                (&found.device).into(),
                found.mode.into(),
                median.into(),
                min.into(),
                max.into(),
                found.first_batch_s.into(),
                mib(found.peak_memory_mib),
                mib(found.device_memory_mib),
            ]);
        }
        table
    }
}

fn parity_table(parity: &Parity) -> Table {
    let title = format!("{} beside {}: relative differences", parity.backend, parity.reference);
    let numbers = ["difference", "tolerance", "control"].map(Column::number);
    let columns = [Column::text("what")].into_iter().chain(numbers);
    let mut table = Table::new("parity", title, columns.chain([Column::text("verdict")]));
    for row in &parity.differences {
        let Difference { what, difference, tolerance, control, verdict } = *row;
        let numbers = [difference, tolerance, control].map(Cell::from);
        table.push([what.into()].into_iter().chain(numbers).chain([verdict.name().into()]));
    }
    table
}

fn agreement(parity: &Parity) -> String {
    let Parity { num_images, agreement, disagreements, accuracy, macro_f1, .. } = parity;
    let same = num_images - disagreements.len();
    let both = |[one, other]: [Option<f64>; 2]| {
        let text =
            |value: Option<f64>| value.map_or("undefined".to_string(), |x| format!("{x:.4}"));
        format!("{} and {}", text(one), text(other))
    };
    format!(
        "{} and {} predict the same class for {same} of {num_images} images ({:.1} %); accuracy {}, \
         macro-F1 {}.",
        parity.reference,
        parity.backend,
        100.0 * agreement,
        both(*accuracy),
        both(*macro_f1)
    )
}

/// The images for which predictions differ, if there are any.
fn disagreements(parity: &Parity) -> Option<Table> {
    let Parity { reference, backend, disagreements, .. } = parity;
    let more = disagreements.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let title = format!("Images with another class on {backend} than on {reference}{more}");
    let [first, second] = ["reference", "backend"].map(Column::text);
    let columns = [first.label(reference), second.label(backend)];
    let columns = ["image", "gold"].map(Column::text).into_iter().chain(columns);
    let mut table = Table::new("images", title, columns);
    for row in disagreements.iter().take(MAX_NAMED) {
        table.push([&row.image_id, &row.gold, &row.reference, &row.other].map(Cell::from));
    }
    (!disagreements.is_empty()).then_some(table)
}
