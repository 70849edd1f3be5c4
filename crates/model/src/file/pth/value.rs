//! What a pickle of tensors can speak of, and the few functions it may name.

use super::pickle::Machine;
use crate::file::stored::ElementType;

/// More axes than a weight has.
const MAX_AXES: usize = 8;

/// A value of a pickle. Containers are numbers of lists of the machine, so that values are small and
/// no depth of nesting needs recursion.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, as it is written.
    Long(&'a [u8]),
    Float,
    Text(&'a str),
    Tuple(usize),
    List(usize),
    /// Keys and values by turns.
    Dict(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

/// A function or class of Python that is known by name.
#[derive(Debug, Clone, Copy)]
pub enum Global {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    Storage(ElementType),
}

impl Global {
    /// The one with this name.
    ///
    /// # Errors
    /// Any other is refused.
    pub fn named(module: &str, name: &str) -> Result<Self, String> {
        let element = |element| Ok(Self::Storage(element));
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Self::OrderedDict),
            ("torch", "Size") => Ok(Self::Size),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Ok(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Ok(Self::RebuildParameter)
            }
            ("torch", "DoubleStorage") => element(ElementType::F64),
            ("torch", "FloatStorage") => element(ElementType::F32),
            ("torch", "HalfStorage") => element(ElementType::F16),
            ("torch", "BFloat16Storage") => element(ElementType::Bf16),
            ("torch", "LongStorage") => element(ElementType::I64),
            ("torch", "IntStorage") => element(ElementType::I32),
            ("torch", "ShortStorage") => element(ElementType::I16),
            ("torch", "CharStorage") => element(ElementType::I8),
            ("torch", "ByteStorage") => element(ElementType::U8),
            ("torch", "BoolStorage") => element(ElementType::Bool),
            _ => {
                let name: String = format!("{module}.{name}").chars().take(200).collect();
                Err(format!(
                    "refused: the file asks to call {}; nothing was executed. Weights alone, as \
                     `torch.save(model.state_dict(), ...)` writes them, need no such thing",
                    name.escape_debug()
                ))
            }
        }
    }
}

/// Values in the file that tensors are views of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage<'a> {
    pub key: &'a str,
    pub element: ElementType,
    pub num_values: u64,
}

impl Storage<'_> {
    /// Its size in the file.
    pub fn num_bytes(&self) -> Result<u64, String> {
        let num_bytes = self.num_values.checked_mul(self.element.num_bytes() as u64);
        num_bytes.ok_or_else(|| format!("the storage {} is too large", self.key.escape_debug()))
    }
}

/// A tensor: a view of a storage of the machine.
#[derive(Debug)]
pub struct View {
    pub storage_idx: usize,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl<'a> Machine<'a> {
    /// The storage that PyTorch's persistent id stands for: `("storage", type, key, device,
    /// num_values)`, and in legacy files a sixth item that has been `None` since PyTorch 0.4.
    pub(super) fn storage(&mut self, id: Value<'a>) -> Result<Value<'a>, String> {
        let storage = match self.items(id) {
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(element)),
                Value::Text(key),
                Value::Text(_),
                Value::Int(num_values),
                ..,
            ] if matches!(self.items(id).get(5..), Some([] | [Value::None])) => Storage {
                key,
                element: *element,
                num_values: u64::try_from(*num_values).map_err(|_| malformed("a storage"))?,
            },
            _ => return Err(malformed("a storage")),
        };
        self.storages.push(storage);
        Ok(Value::Storage(self.storages.len() - 1))
    }

    /// Does what a call of `function` stands for.
    pub(super) fn call(
        &mut self,
        function: Value<'a>,
        arguments: Value<'a>,
    ) -> Result<Value<'a>, String> {
        let Value::Global(function) = function else {
            return Err("refused: the file asks to call what is no function".to_string());
        };
        Ok(match (function, self.items(arguments)) {
            (Global::OrderedDict, []) => Value::Dict(self.new_list(Vec::new())),
            (Global::OrderedDict, &[pairs @ Value::List(_)]) => self.dict_of_pairs(pairs)?,
            (Global::Size, &[sizes @ Value::Tuple(_)]) => sizes,
            (
                Global::RebuildTensor,
                &[Value::Storage(storage_idx), Value::Int(offset), shape, strides, ..],
            ) => {
                let (shape, strides) = (self.numbers(shape)?, self.numbers(strides)?);
                let offset = usize::try_from(offset).map_err(|_| malformed("a tensor"))?;
                self.views.push(View { storage_idx, offset, shape, strides });
                Value::Tensor(self.views.len() - 1)
            }
            (Global::RebuildParameter, &[tensor @ Value::Tensor(_), ..]) => tensor,
            (function, _) => return Err(malformed(&format!("a call of {function:?}"))),
        })
    }

    /// The items of a container; none for other values.
    pub fn items(&self, value: Value<'a>) -> &[Value<'a>] {
        match value {
            Value::Tuple(idx) | Value::List(idx) | Value::Dict(idx) => &self.lists[idx],
            _ => &[],
        }
    }

    /// As Python 2 wrote ordered dictionaries.
    fn dict_of_pairs(&mut self, pairs: Value<'a>) -> Result<Value<'a>, String> {
        self.spend(self.items(pairs).len())?;
        let mut items = Vec::new();
        for &pair in self.items(pairs) {
            let [key, value] = self.items(pair) else { return Err(malformed("a dictionary")) };
            items.extend([*key, *value]);
        }
        Ok(Value::Dict(self.new_list(items)))
    }

    /// A tuple of sizes or strides.
    fn numbers(&self, value: Value<'a>) -> Result<Vec<usize>, String> {
        let items = self.items(value);
        if !matches!(value, Value::Tuple(_)) || items.len() > MAX_AXES {
            return Err(malformed("a tensor"));
        }
        let number = |item: &Value<'a>| match item {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        items.iter().map(number).collect::<Option<_>>().ok_or_else(|| malformed("a tensor"))
    }
}

fn malformed(what: &str) -> String {
    format!("{what} is not described as PyTorch does")
}
