//! Pickles, read without making the objects they ask for.

use super::reader::Reader;
use super::value::{Memory, Value};
use std::collections::HashMap;

/// A stack machine for the part of Python's pickle language that PyTorch writes (protocol 2).
///
/// Where Python would call a function, the machine knows a few by name and does what they stand for:
/// it notes down a view of a storage, or starts a dictionary. It can do nothing else: of an object
/// with any other class only the name of the class is kept, and names of functions that start
/// programs are refused. It does not recurse, and each step adds at most a few dozen bytes.
///
/// # Source
/// The operations: CPython, `Lib/pickletools.py`,
/// <https://github.com/python/cpython/blob/main/Lib/pickletools.py>.
#[derive(Debug)]
pub struct Machine<'a> {
    reader: Reader<'a>,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    /// What it has made.
    pub memory: Memory<'a>,
}

impl<'a> Machine<'a> {
    /// A machine at the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(input),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            memory: Memory::default(),
        }
    }

    /// Number of bytes that were read.
    pub fn position(&self) -> usize {
        self.reader.position()
    }

    /// Reads one pickle and gives the value that it describes.
    ///
    /// # Errors
    /// A damaged pickle, one that takes too many steps, and one that names what starts programs.
    pub fn run(&mut self) -> Result<Value<'a>, String> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            self.memory.spend(1)?;
            let operation = self.reader.byte()?;
            if operation == b'.' {
                return self.pop();
            }
            self.step(operation)?;
        }
    }

    fn step(&mut self, operation: u8) -> Result<(), String> {
        match operation {
            0x80 => self.check_protocol(),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'q' | b'r' => {
                let (key, top) = (self.reader.number(operation == b'q')?, self.top()?);
                self.memo.insert(key, top);
                Ok(())
            }
            b'a' | b'e' => {
                let items = if operation == b'a' { self.pop_many(1)? } else { self.pop_mark()? };
                self.add_items(items)
            }
            b's' | b'u' => {
                let items = if operation == b's' { self.pop_many(2)? } else { self.pop_mark()? };
                self.set_items(items)
            }
            // The state of an object, for example the versions of modules that PyTorch attaches to a
            // dictionary. There is no object to change.
            b'b' => {
                let state = self.pop()?;
                match (self.top()?, state) {
                    (Value::Object(_), _) => Ok(()),
                    (Value::Tensor(_), Value::Object(idx)) => Err(self.memory.refusal(idx)),
                    _ => self.top_dict().map(drop),
                }
            }
            _ => {
                let value = self.value(operation)?;
                self.stack.push(value);
                Ok(())
            }
        }
    }

    /// What an operation that makes a value puts on the stack.
    fn value(&mut self, operation: u8) -> Result<Value<'a>, String> {
        Ok(match operation {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool(operation == 0x88),
            b'K' => Value::Int(i64::from(self.reader.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.reader.fixed()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.reader.fixed()?))),
            0x8a => {
                let length = usize::from(self.reader.byte()?);
                integer(self.reader.take(length)?)
            }
            b'G' => {
                self.reader.take(8)?;
                Value::Float
            }
            b'X' | b'T' | b'U' => Value::Text(self.reader.text(operation == b'U')?),
            b')' => Value::Tuple(self.memory.new_list(Vec::new())),
            b']' => Value::List(self.memory.new_list(Vec::new())),
            b'}' => Value::Dict(self.memory.new_list(Vec::new())),
            b't' => {
                let items = self.pop_mark()?;
                Value::Tuple(self.memory.new_list(items))
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(operation - 0x84))?;
                Value::Tuple(self.memory.new_list(items))
            }
            b'2' => self.top()?,
            b'h' | b'j' => {
                let key = self.reader.number(operation == b'h')?;
                let value = self.memo.get(&key).copied();
                value.ok_or_else(|| format!("nothing is stored under number {key}"))?
            }
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                Value::Global(self.memory.global(module, name)?)
            }
            b'i' => {
                self.pop_mark()?;
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                let class = Value::Global(self.memory.global(module, name)?);
                self.memory.object_of(class)?
            }
            b'o' => {
                let items = self.pop_mark()?;
                self.memory.object_of(items.first().copied().unwrap_or(Value::None))?
            }
            0x81 => {
                let (_, class) = (self.pop()?, self.pop()?);
                self.memory.object_of(class)?
            }
            b'Q' => {
                let id = self.pop()?;
                self.memory.storage(id)?
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.memory.call(function, arguments)?
            }
            _ => {
                let at = self.reader.position() - 1;
                let message = format!("the operation {operation:#04x} at byte {at} of the pickle");
                return Err(format!("refused: {message} is none that weights need"));
            }
        })
    }

    fn add_items(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        match self.top()? {
            Value::List(idx) => self.memory.lists[idx].extend(items),
            Value::Object(_) => {}
            _ => return Err("an item is added to what is no list".to_string()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        if items.len() % 2 == 1 {
            return Err("a key has no value".to_string());
        }
        if !matches!(self.top()?, Value::Object(_)) {
            let idx = self.top_dict()?;
            self.memory.lists[idx].extend(items);
        }
        Ok(())
    }

    fn check_protocol(&mut self) -> Result<(), String> {
        match self.reader.byte()? {
            ..=2 => Ok(()),
            protocol => Err(format!(
                "refused: pickle protocol {protocol}; `torch.save` writes 2 unless told otherwise"
            )),
        }
    }

    fn top(&self) -> Result<Value<'a>, String> {
        self.stack.last().copied().ok_or_else(empty_stack)
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        self.stack.pop().ok_or_else(empty_stack)
    }

    fn pop_many(&mut self, num_values: usize) -> Result<Vec<Value<'a>>, String> {
        let start = self.stack.len().checked_sub(num_values).ok_or_else(empty_stack)?;
        Ok(self.stack.split_off(start))
    }

    /// Everything since the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(empty_stack)?))
    }

    fn top_dict(&self) -> Result<usize, String> {
        match self.top()? {
            Value::Dict(idx) => Ok(idx),
            _ => Err("what has to be a dictionary is none".to_string()),
        }
    }
}

fn empty_stack() -> String {
    "the pickle takes a value that is not there".to_string()
}

/// A little-endian integer in two's complement of any length.
fn integer(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    let is_negative = bytes.last().is_some_and(|&last| last >= 0x80);
    let mut filled = [if is_negative { 0xff } else { 0 }; 8];
    filled[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(filled))
}
