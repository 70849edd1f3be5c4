//! XML as a stream of elements, whose errors say the line.

use dermx_data::DataError;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Deepest element.
const MAX_DEPTH: usize = 32;

/// A file that is read element by element.
pub(super) struct Xml {
    path: PathBuf,
    reader: Reader<BufReader<File>>,
    buffer: Vec<u8>,
    /// Elements that are open.
    depth: usize,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Node {
    /// An element starts.
    Start(Element),
    /// Text, without entities and references.
    Text(String),
    /// The innermost element ends.
    End,
}

/// The start of an element.
#[derive(Debug)]
pub(super) struct Element {
    pub name: String,
    attributes: BTreeMap<String, String>,
}

impl Element {
    /// An attribute.
    ///
    /// # Errors
    /// A message when it is not there.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.attributes.get(name).map(String::as_str).ok_or_else(|| format!("found no `{name}`"))
    }

    /// An attribute that is a number.
    ///
    /// # Errors
    /// A message when it is not there, or no finite number.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        let text = self.text(name)?;
        number(text).ok_or_else(|| wrong(name, text, "a number"))
    }

    /// An attribute that is a number, or `default` when it is not there.
    ///
    /// # Errors
    /// A message when it is no finite number.
    pub fn number_or(&self, name: &str, default: f64) -> Result<f64, String> {
        match self.attributes.contains_key(name) {
            true => self.number(name),
            false => Ok(default),
        }
    }

    /// An attribute that is a whole number, 0 or more.
    ///
    /// # Errors
    /// A message when it is not there, or not such a number.
    pub fn integer(&self, name: &str) -> Result<u64, String> {
        let text = self.text(name)?;
        text.trim().parse().map_err(|_| wrong(name, text, "a whole number"))
    }
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn wrong(name: &str, text: &str, expected: &str) -> String {
    let text: String = text.chars().take(40).collect();
    format!("found `{name}` = `{text}`; expected {expected}")
}

impl Xml {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|error| DataError::io(path, &error))?;
        let mut reader = Reader::from_reader(BufReader::with_capacity(1 << 16, file));
        reader.config_mut().expand_empty_elements = true;
        Ok(Self { path: path.to_path_buf(), reader, buffer: Vec::new(), depth: 0 })
    }

    /// The outermost element.
    ///
    /// # Errors
    /// As [`Self::next`]; when there is none.
    pub fn root(&mut self) -> Result<Element, DataError> {
        loop {
            match self.event()? {
                Some(Node::Start(element)) => return Ok(element),
                Some(Node::Text(text)) if text.trim().is_empty() => {}
                _ => return Err(self.invalid("found no element; expected XML")),
            }
        }
    }

    /// What comes next inside of an element.
    ///
    /// # Errors
    /// What cannot be read or is not XML in UTF-8; a document type; more than 32 elements in each other;
    /// the end of the file.
    pub fn next(&mut self) -> Result<Node, DataError> {
        self.event()?.ok_or_else(|| {
            self.invalid("found the end of the file inside of an element; is it complete?")
        })
    }

    /// Checks that nothing comes after the outermost element.
    ///
    /// # Errors
    /// As [`Self::next`]; what does come.
    pub fn end(&mut self) -> Result<(), DataError> {
        loop {
            match self.event()? {
                None => return Ok(()),
                Some(Node::Text(text)) if text.trim().is_empty() => {}
                Some(_) => {
                    return Err(self.invalid("found more after the end of the first element"));
                }
            }
        }
    }

    /// Passes over the element that has started.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn skip(&mut self) -> Result<(), DataError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The text of the element that has started, up to its end.
    ///
    /// # Errors
    /// As [`Self::next`]; an element in it.
    pub fn text(&mut self) -> Result<String, DataError> {
        let mut all = String::new();
        loop {
            match self.next()? {
                Node::Text(text) => all.push_str(&text),
                Node::Start(element) => {
                    return Err(self.invalid(format!("found `{}`; expected text", element.name)));
                }
                Node::End => return Ok(all),
            }
        }
    }

    /// An error at the line that was read last.
    pub fn invalid(&self, message: impl Into<String>) -> DataError {
        self.invalid_at(self.reader.buffer_position(), message)
    }

    /// The value, or an error at the line that was read last.
    ///
    /// # Errors
    /// The message of `value`.
    pub fn check<T>(&self, value: Result<T, String>) -> Result<T, DataError> {
        value.map_err(|message| self.invalid(message))
    }

    fn invalid_at(&self, position: u64, message: impl Into<String>) -> DataError {
        match line(&self.path, position) {
            Ok(line) => DataError::invalid(&self.path, format!("line {line}"), message),
            Err(error) => DataError::io(&self.path, &error),
        }
    }

    /// The next element, end or text; `None` at the end of the file.
    fn event(&mut self) -> Result<Option<Node>, DataError> {
        loop {
            self.buffer.clear();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event.into_owned(),
                Err(quick_xml::Error::Io(error)) => return Err(DataError::io(&self.path, &error)),
                Err(error) => {
                    let position = self.reader.error_position();
                    return Err(self.invalid_at(position, format!("is no XML: {error}")));
                }
            };
            let node = match event {
                Event::Start(start) | Event::Empty(start) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        let message = format!("found more than {MAX_DEPTH} elements in each other");
                        return Err(self.invalid(message));
                    }
                    element(&start).map(Node::Start)
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Ok(Node::End)
                }
                Event::Text(text) => decoded(&text).map(Node::Text),
                Event::CData(text) => decoded(&text).map(Node::Text),
                Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                    Ok(Some(letter)) => Ok(Node::Text(letter.to_string())),
                    Ok(None) => decoded(&reference).and_then(|name| entity(&name)).map(Node::Text),
                    Err(error) => Err(error.to_string()),
                },
                Event::DocType(_) => {
                    Err("found a document type, which is not read; remove it".to_owned())
                }
                Event::Decl(declaration) => match declaration.encoding() {
                    Some(Ok(name)) if !name.eq_ignore_ascii_case(b"utf-8") => {
                        let name = String::from_utf8_lossy(&name).into_owned();
                        Err(format!("found the encoding `{name}`; expected UTF-8"))
                    }
                    _ => continue,
                },
                Event::Comment(_) | Event::PI(_) => continue,
                Event::Eof => return Ok(None),
            };
            return self.check(node).map(Some);
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let name = decoded(start.name().as_ref())?;
    let mut attributes = BTreeMap::new();
    // The check of the parser would compare each with each.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = decoded(attribute.key.as_ref())?;
        let value = attribute.unescape_value().map_err(|error| format!("`{key}`: {error}"))?;
        if attributes.insert(key.clone(), value.into_owned()).is_some() {
            return Err(format!("`{name}`: found `{key}` twice"));
        }
    }
    Ok(Element { name, attributes })
}

fn decoded(bytes: &[u8]) -> Result<String, String> {
    let text = str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| "found bytes that are not UTF-8".to_owned())
}

/// One of the five entities that XML has by itself.
fn entity(name: &str) -> Result<String, String> {
    let letter = resolve_xml_entity(name);
    letter
        .map(str::to_owned)
        .ok_or_else(|| format!("found the entity `&{name};`, which is unknown"))
}

/// The line of a byte, from 1; the file is read again for it.
fn line(path: &Path, position: u64) -> std::io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?).take(position);
    let (mut line, mut bytes) = (1, [0; 1 << 13]);
    loop {
        let num = file.read(&mut bytes)?;
        if num == 0 {
            return Ok(line);
        }
        line += bytes[..num].iter().filter(|&&byte| byte == b'\n').count() as u64;
    }
}
