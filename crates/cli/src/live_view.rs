//! How a run that trains looks on a terminal, and in lines of text.

use dermx_run::{RunState, SeedStage, SeedStanding, Standing, shell};
use dermx_table::visible;
use dermx_train::EpochMetrics;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, LineGauge, Paragraph, Row, Table};

/// Columns of the table of seeds, with their widths in characters.
const COLUMNS: [(&str, u16); 9] = [
    ("seed", 8),
    ("epoch", 9),
    ("train loss", 10),
    ("train acc", 9),
    ("val loss", 8),
    ("val acc", 8),
    ("val F1", 8),
    ("kept", 5),
    ("", 22),
];

/// A number of an epoch, if it has it.
type Value = fn(&EpochMetrics) -> Option<f64>;

/// Draws `standing` over the whole terminal.
pub fn draw(frame: &mut Frame<'_>, standing: &Standing) {
    let num_rows = u16::try_from(standing.seeds.len()).unwrap_or(u16::MAX).saturating_add(2);
    let heights = [
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Min(6),
        Constraint::Max(num_rows),
        Constraint::Length(1),
    ];
    let [head, progress, curves, seeds, foot] = Layout::vertical(heights).areas(frame.area());
    let name = visible(&standing.folder.display().to_string()).into_owned();
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let lines = vec![Line::styled(name, bold), Line::raw(state_text(standing))];
    frame.render_widget(Paragraph::new(lines), head);
    let done = LineGauge::default().ratio(standing.share_done());
    frame.render_widget(done.filled_style(Style::new().fg(Color::Cyan)), progress);
    let halves = [Constraint::Ratio(1, 2); 2];
    let [left, right] = Layout::horizontal(halves).areas(curves);
    if let Some(seed) = standing.current() {
        let loss: [Value; 2] =
            [|one| Some(one.train_loss), |one| one.validation.map(|scores| scores.loss)];
        let accuracy: [Value; 2] =
            [|one| Some(one.train_accuracy), |one| one.validation.map(|scores| scores.accuracy)];
        draw_curves(frame, left, "loss", seed, standing.num_epochs, loss);
        draw_curves(frame, right, "accuracy", seed, standing.num_epochs, accuracy);
    }
    frame.render_widget(seed_table(standing), seeds);
    frame.render_widget(Paragraph::new("q ends this view; the run goes on without it"), foot);
}

/// The curves of one number of `seed`: of training photos, and of validation photos where there are some.
fn draw_curves(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    seed: &SeedStanding,
    num_epochs: u32,
    [train, validation]: [Value; 2],
) {
    let points = |value: Value| -> Vec<(f64, f64)> {
        let points = seed.epochs.iter().filter_map(|one| Some((f64::from(one.epoch), value(one)?)));
        points.filter(|(_, value)| value.is_finite()).collect()
    };
    let (train, validation) = (points(train), points(validation));
    let values = || train.iter().chain(&validation).map(|&(_, value)| value);
    let block = Block::bordered().title(format!(" seed {}: {title} ", seed.seed));
    let (Some(low), Some(high)) = (values().reduce(f64::min), values().reduce(f64::max)) else {
        let text = "no epoch is finished yet";
        return frame.render_widget(Paragraph::new(text).block(block), area);
    };
    // One value alone has a scale, too.
    let room = ((high - low) * 0.05).max(high.abs() * 0.01).max(1e-6);
    let (low, high) = (low - room, high + room);
    let curve = |name: &'static str, color: Color, marker: Marker| {
        let curve = Dataset::default().name(name).marker(marker).graph_type(GraphType::Line);
        curve.style(Style::new().fg(color))
    };
    let mut curves = vec![curve("training", Color::Cyan, Marker::Braille).data(&train)];
    if !validation.is_empty() {
        curves.push(curve("validation", Color::Yellow, Marker::Dot).data(&validation));
    }
    let last = num_epochs.max(2);
    let x = Axis::default().bounds([1.0, f64::from(last)]).labels(["1".into(), last.to_string()]);
    let y = Axis::default().bounds([low, high]).labels([low, high].map(|end| format!("{end:.3}")));
    let chart = Chart::new(curves).block(block).x_axis(x).y_axis(y);
    // The legend is what tells the curves apart: it is left out only where it would take half of the chart.
    let chart = chart.hidden_legend_constraints((Constraint::Ratio(1, 2), Constraint::Ratio(1, 2)));
    frame.render_widget(chart, area);
}

fn seed_table(standing: &Standing) -> Table<'static> {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
    let rows = standing.seeds.iter().map(|seed| {
        let last = seed.epochs.last();
        let scores = last.and_then(|last| last.validation);
        let epoch = last.map_or(0, |last| last.epoch);
        Row::new(vec![
            seed.seed.to_string(),
            format!("{epoch}/{}", standing.num_epochs),
            number(last.map(|last| last.train_loss)),
            number(last.map(|last| last.train_accuracy)),
            number(scores.map(|scores| scores.loss)),
            number(scores.map(|scores| scores.accuracy)),
            number(scores.map(|scores| scores.macro_f1)),
            seed.kept.map_or(String::new(), |kept| kept.to_string()),
            stage_text(seed, standing).to_string(),
        ])
    });
    let header = Row::new(COLUMNS.map(|(name, _)| name));
    let header = header.style(Style::new().add_modifier(Modifier::BOLD));
    Table::new(rows, COLUMNS.map(|(_, width)| Constraint::Length(width))).header(header)
}

/// How a run stands: whether it goes on, how many seeds are trained, how long it will take.
pub fn state_text(standing: &Standing) -> String {
    let num_seeds = standing.seeds.len();
    let seeds = format!("{} of {num_seeds} seeds trained", standing.num_trained());
    match standing.state {
        RunState::Finished => format!("finished; {seeds}"),
        RunState::Stopped => format!(
            "no process works on it; {seeds}; `dermx train --resume --run {}` goes on",
            shell::word(&standing.folder)
        ),
        RunState::AtWork if standing.num_trained() == num_seeds => {
            format!("{seeds}; scores and report follow")
        }
        RunState::AtWork => match standing.seconds_left() {
            Some(seconds) => format!("{seeds}; at most {} of training left", time_text(seconds)),
            None => format!("{seeds}; the first epoch is under way"),
        },
    }
}

/// A line for the epoch `metrics` of `seed`.
pub fn epoch_line(seed: u64, num_epochs: u32, metrics: &EpochMetrics) -> String {
    let EpochMetrics { epoch, train_loss, train_accuracy, validation, .. } = metrics;
    let mut line = format!(
        "seed {seed}, epoch {epoch} of {num_epochs}: loss {train_loss:.3}, accuracy {train_accuracy:.3}"
    );
    if let Some(scores) = validation {
        line += &format!(
            "; validation photos: loss {:.3}, accuracy {:.3}, macro-F1 {:.3}",
            scores.loss, scores.accuracy, scores.macro_f1
        );
    }
    line + "\n"
}

/// What a seed is at.
fn stage_text(seed: &SeedStanding, standing: &Standing) -> &'static str {
    let last = seed.epochs.last().map_or(0, |last| last.epoch);
    match (seed.stage, standing.state) {
        (SeedStage::Waiting, _) => "waiting",
        (SeedStage::Training, RunState::AtWork) => "training",
        (SeedStage::Training, _) => "stopped",
        (SeedStage::Trained, _) => "predicts and explains",
        (SeedStage::Done, _) if last < standing.num_epochs => "done, ended early",
        (SeedStage::Done, _) => "done",
    }
}

/// A time in its two largest units.
fn time_text(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests;
