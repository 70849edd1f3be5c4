//! Places in texts, and pieces of texts that are short enough for a message.

use std::ops::Range;

/// What follows the name of one of `num` things in a message, of `total` there are: ` and 3 others of 12`; nothing
/// of a single one.
pub fn and_others(num: usize, total: usize) -> String {
    match num {
        0 | 1 => String::new(),
        2 => format!(" and another one of {total}"),
        _ => format!(" and {} others of {total}", num - 1),
    }
}

/// The most characters of a file that a message shows in one piece.
pub const MAX_EXCERPT: usize = 200;

/// `text`; of one of more than `max` characters the start and the end, with ` ... ` between them.
pub fn shortened(text: &str, max: usize) -> String {
    // A character has a byte at least.
    if text.len() <= max || text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let end: Vec<char> = text.chars().rev().take(max / 3).collect();
    let start: String = text.chars().take(max - max / 3).collect();
    format!("{start} ... {}", end.into_iter().rev().collect::<String>())
}

/// The first `max` of some problems, and how many more there are.
pub fn first_problems(problems: &[String], max: usize, separator: &str) -> String {
    let first = problems.iter().take(max).map(|problem| shortened(problem, 3 * MAX_EXCERPT));
    let mut text = first.collect::<Vec<_>>().join(separator);
    if problems.len() > max {
        text.push_str(&format!("{separator}and {} more problems", problems.len() - max));
    }
    text
}

/// Where the lines of a text start, found once for any number of places.
#[derive(Debug)]
pub struct Lines {
    /// The byte after each line break.
    starts: Vec<usize>,
}

impl Lines {
    /// Of `text`.
    pub fn new(text: &str) -> Self {
        Self { starts: memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect() }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, byte: usize) -> usize {
        1 + self.starts.partition_point(|&start| start <= byte)
    }
}

/// Line and column of a byte of `text`, both from 1; columns are characters.
pub fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let line = 1 + memchr::memchr_iter(b'\n', before).count();
    (line, 1 + String::from_utf8_lossy(&before[start..]).chars().count())
}

/// What is wrong at `span` of `text`, which is not TOML: the place, the line with a mark below, and `message`.
/// Of a long line only what is around the place is shown.
pub fn toml_error(text: &str, span: Option<Range<usize>>, message: &str) -> String {
    let message = shortened(message, 2 * MAX_EXCERPT);
    let Some(span) = span else { return format!("TOML parse error\n{message}") };
    let (line, column) = line_and_column(text, span.start);
    let shown: Vec<char> = text.split('\n').nth(line - 1).unwrap_or_default().chars().collect();
    // Some characters before the place and more behind it.
    let first = (column - 1).saturating_sub(MAX_EXCERPT / 2).min(shown.len());
    let last = (first + MAX_EXCERPT).min(shown.len());
    let (first, last) = if shown.len() <= MAX_EXCERPT { (0, shown.len()) } else { (first, last) };
    let dots = |is_cut: bool| if is_cut { "..." } else { "" };
    let (before, behind) = (dots(first > 0), dots(last < shown.len()));
    let excerpt: String = shown[first..last].iter().filter(|letter| **letter != '\r').collect();
    let indent = " ".repeat(before.len() + column - 1 - first);
    let in_line =
        text.get(span).map_or(1, |part| part.lines().next().unwrap_or_default().chars().count());
    let marks = "^".repeat(in_line.clamp(1, (last + 1).saturating_sub(column).max(1)));
    let gutter = " ".repeat(line.to_string().len());
    format!(
        "TOML parse error at line {line}, column {column}\n{gutter} |\n{line} | \
         {before}{excerpt}{behind}\n{gutter} | {indent}{marks}\n{message}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_start_and_its_end() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("äöü", 3), "äöü");
        // Nine characters: six from the start, three from the end.
        assert_eq!(shortened("abcdefghijkl", 9), "abcdef ... jkl");
    }

    #[test]
    fn lines_are_the_same_found_once_or_singly() {
        let text = "a\nbcd\n\nä = 1";
        let lines = Lines::new(text);
        for (byte, expected) in [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (6, (3, 1)), (9, (4, 2))] {
            assert_eq!(line_and_column(text, byte), expected);
            assert_eq!(lines.line(byte), expected.0);
        }
    }

    #[test]
    fn a_line_of_100_kb_is_cut_around_the_place() {
        let text = format!("a = 1\nb = \"{}\nc = 2", "x".repeat(100_000));
        let message = toml_error(&text, Some(50_000..50_001), "invalid");
        assert!(message.len() < 2 * MAX_EXCERPT + 100, "{message}");
        assert!(message.starts_with("TOML parse error at line 2, column 49995\n"), "{message}");
        let lines: Vec<&str> = message.lines().collect();
        // The mark is below the place: after the dots and half an excerpt.
        assert_eq!(lines[3].find('^'), Some("2 | ...".len() + MAX_EXCERPT / 2));
        assert!(lines[2].starts_with("2 | ...xxx") && lines[2].ends_with("..."), "{message}");
    }

    #[test]
    fn of_many_problems_the_first_are_named() {
        let problems: Vec<String> = (0..5).map(|idx| format!("p{idx}")).collect();
        assert_eq!(first_problems(&problems, 2, "; "), "p0; p1; and 3 more problems");
        assert_eq!(first_problems(&problems[..2], 2, "; "), "p0; p1");
    }
}
