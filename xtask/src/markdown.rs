//! What a Markdown document holds that can be checked: code, links, places that links may name.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The words behind the fence: a language, then marks. Empty for an indented block.
    pub info: Vec<String>,
    /// What stands in the block.
    pub text: String,
    /// The line of the document on which the block begins, from 1.
    pub line: usize,
}

impl Code {
    /// The language, or nothing.
    pub fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    /// The value of a mark `name=value`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.info.iter().skip(1).find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What can be checked of a document.
#[derive(Debug, Default)]
pub struct Document {
    pub code: Vec<Code>,
    /// Where links and images lead, each with its line.
    pub links: Vec<(String, usize)>,
    /// What may stand behind `#`: the headings, as GitHub and mdBook name them.
    pub anchors: BTreeSet<String>,
}

impl Document {
    /// Reads a document.
    pub fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut heading: Option<String> = None;
        let mut code: Option<Code> = None;
        let line_of = |offset: usize| text[..offset].matches('\n').count() + 1;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => words(&info),
                        CodeBlockKind::Indented => Vec::new(),
                    };
                    code = Some(Code { info, text: String::new(), line: line_of(range.start) });
                }
                Event::End(TagEnd::CodeBlock) => document.code.extend(code.take()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((dest_url.to_string(), line_of(range.start)));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let name = anchor(&heading.take().unwrap_or_default());
                    document.anchors.insert(name);
                }
                Event::Text(part) | Event::Code(part) => match (&mut code, &mut heading) {
                    (Some(code), _) => code.text += &part,
                    (None, Some(heading)) => *heading += &part,
                    (None, None) => {}
                },
                _ => {}
            }
        }
        document
    }
}

fn words(info: &str) -> Vec<String> {
    info.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_string).collect()
}

/// The name of a heading behind `#`.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// What stands between backquotes in a line.
pub fn code_spans(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// The number of words outside of blocks of code and of comments, as `wc -w` counts them.
pub fn num_words(text: &str) -> usize {
    let mut is_code = false;
    let mut words = 0;
    for line in without_comments(text).lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            words += line.split_whitespace().count();
        }
    }
    words
}

/// `text` without `<!-- ... -->`.
fn without_comments(text: &str) -> String {
    let mut parts = text.split("<!--");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |kept, part| kept + part.split_once("-->").map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::{Document, code_spans, num_words};

    const TEXT: &str = "# A `b`: C\n\n[x](y.md#z) ![p](q.jpg)\n\n```sh,slow,file=a.b\ndermx\n```\n\n\
                        ## Two words\n\n    indented\n";

    #[test]
    fn code_links_and_anchors_are_found() {
        let document = Document::parse(TEXT);
        assert_eq!(document.links, [("y.md#z".to_string(), 3), ("q.jpg".to_string(), 3)]);
        let anchors: Vec<&str> = document.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["a-b-c", "two-words"]);
        let [shell, indented] = &document.code[..] else { panic!("{:?}", document.code) };
        assert_eq!((shell.language(), shell.text.as_str(), shell.line), ("sh", "dermx\n", 5));
        assert_eq!((shell.info[1].as_str(), shell.value("file")), ("slow", Some("a.b")));
        assert_eq!((indented.language(), indented.text.as_str()), ("", "indented\n"));
        assert_eq!(code_spans("a `b c` d `e`"), ["b c", "e"]);
    }

    #[test]
    fn words_outside_of_code_and_comments_count() {
        assert_eq!(num_words("one <!-- not\nthis --> two\n```sh\nno no\n```\n| a | b |\n"), 7);
    }
}
