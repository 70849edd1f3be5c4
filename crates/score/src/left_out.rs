//! What of an annotated data set takes no part in anything, said aloud.

use dermx_data::{Dataset, Reading, Study};

/// Files that are not read which a warning names.
const MAX_NAMED: usize = 10;

/// Warns of files that are not read, images that nobody evaluated, and outlines without a pixel.
pub fn warn_of_left_out(dataset: &Dataset) {
    let not_read = dataset.not_read();
    if !not_read.is_empty() {
        let named = not_read.iter().take(MAX_NAMED).map(|path| path.display().to_string());
        tracing::warn!(
            "{} files or folders beside the annotations are not read: {}{}",
            not_read.len(),
            named.collect::<Vec<_>>().join(", "),
            if not_read.len() > MAX_NAMED { ", ..." } else { "" }
        );
    }
    let unread = dataset.images_without_evaluation();
    // Labels alone are a data set, too.
    if let (Some(first), false) = (unread.first(), dataset.readings().is_empty()) {
        let what = match dataset.schema().raters_name_classes {
            true => "have no annotation and are not counted or scored",
            false => "were read by nobody: only their diagnosis is scored",
        };
        tracing::warn!(
            "{} of {} images {what}: `{first}`{}",
            unread.len(),
            dataset.images().len(),
            more(unread.len())
        );
    }
    let evaluations = dataset.readings();
    let num_outside: usize = evaluations.iter().map(|one| one.outside().count()).sum();
    if let Some(first) = evaluations.iter().find(|one| one.outside().next().is_some()) {
        tracing::warn!(
            "{num_outside} outlines lie outside of their image and are not scored: {}{}; \
             `dermx dataset check` lists them",
            called(dataset, first),
            more(num_outside)
        );
    }
}

/// What a message calls a reading: DermX has a file of each.
fn called(dataset: &Dataset, one: &Reading) -> String {
    match dataset.schema().study {
        Some(Study::Dermx) => one.stem() + ".json",
        None => format!("`{}` by `{}`", one.image_id, one.rater),
    }
}

/// What follows the first of `num` names.
pub fn more(num: usize) -> &'static str {
    if num > 1 { ", ..." } else { "" }
}
