//! The values that a pickle of tensors can hold, and the few functions that it may call.

use crate::file::stored::ElementType;

/// Most steps that a pickle may take; the state of a large network and its optimizer takes a tenth.
const MAX_STEPS: usize = 1_000_000;

/// More axes than a weight has.
const MAX_AXES: usize = 8;

/// Modules of Python whose functions start programs or reach beyond the file. No checkpoint needs them.
const REFUSED_MODULES: [&str; 16] = [
    "_posixsubprocess",
    "asyncio",
    "code",
    "commands",
    "ctypes",
    "importlib",
    "nt",
    "os",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "webbrowser",
];

/// Functions of Python itself that run text as a program or open files.
const REFUSED_BUILTINS: [&str; 6] = ["__import__", "compile", "eval", "exec", "execfile", "open"];

/// A value of a pickle. Containers are numbers of lists of [`Memory`], so that values are small and
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
    /// What a class or function that is not known would have made; the number of its name.
    Object(usize),
}

/// A function or class of Python that is known by name.
#[derive(Debug, Clone, Copy)]
pub enum Global {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    /// A tensor with attributes: `(function, class, arguments, attributes)`.
    RebuildFromType,
    Storage(ElementType),
    /// Any other; the number of its name.
    Unknown(usize),
}

impl Global {
    /// The one with this name, if it is known.
    fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict" | "defaultdict") => Self::OrderedDict,
            ("torch", "Size") => Self::Size,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch", "DoubleStorage") => Self::Storage(ElementType::F64),
            ("torch", "FloatStorage") => Self::Storage(ElementType::F32),
            ("torch", "HalfStorage") => Self::Storage(ElementType::F16),
            ("torch", "BFloat16Storage") => Self::Storage(ElementType::Bf16),
            ("torch", "LongStorage") => Self::Storage(ElementType::I64),
            ("torch", "IntStorage") => Self::Storage(ElementType::I32),
            ("torch", "ShortStorage") => Self::Storage(ElementType::I16),
            ("torch", "CharStorage") => Self::Storage(ElementType::I8),
            ("torch", "ByteStorage") => Self::Storage(ElementType::U8),
            ("torch", "BoolStorage") => Self::Storage(ElementType::Bool),
            _ => return None,
        })
    }
}

/// Whether the function or class starts programs or reaches beyond the file.
fn is_refused(module: &str, name: &str) -> bool {
    let is_builtin = matches!(module, "builtins" | "__builtin__");
    let root = module.split('.').next().unwrap_or(module);
    REFUSED_MODULES.contains(&root) || is_builtin && REFUSED_BUILTINS.contains(&name)
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

/// A tensor: a view of a storage of [`Memory`].
#[derive(Debug)]
pub struct View {
    pub storage_idx: usize,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// What a pickle has made so far: the containers, storages, tensors and unknown names that its values
/// are numbers of.
#[derive(Debug, Default)]
pub struct Memory<'a> {
    pub lists: Vec<Vec<Value<'a>>>,
    pub storages: Vec<Storage<'a>>,
    pub views: Vec<View>,
    /// Modules and names of the functions and classes that are not known.
    pub unknown: Vec<(&'a str, &'a str)>,
    num_steps: usize,
}

impl<'a> Memory<'a> {
    /// Counts the steps, so that no pickle can take long.
    pub fn spend(&mut self, num_steps: usize) -> Result<(), String> {
        self.num_steps = self.num_steps.saturating_add(num_steps);
        match self.num_steps > MAX_STEPS {
            true => Err(format!("refused: the pickle takes more than {MAX_STEPS} steps")),
            false => Ok(()),
        }
    }

    /// Keeps a container; its number.
    pub fn new_list(&mut self, items: Vec<Value<'a>>) -> usize {
        self.lists.push(items);
        self.lists.len() - 1
    }

    /// The function or class of that name.
    ///
    /// # Errors
    /// A function that starts programs.
    pub fn global(&mut self, module: &'a str, name: &'a str) -> Result<Global, String> {
        if let Some(known) = Global::named(module, name) {
            return Ok(known);
        }
        self.unknown.push((module, name));
        let idx = self.unknown.len() - 1;
        if is_refused(module, name) { Err(self.refusal(idx)) } else { Ok(Global::Unknown(idx)) }
    }

    /// The name of what is not known, fit for a terminal.
    pub fn unknown_name(&self, idx: usize) -> String {
        let (module, name) = self.unknown[idx];
        let name: String = format!("{}.{}", start_of(module), start_of(name));
        name.escape_debug().to_string()
    }

    /// Why a file is refused that asks for what is not known.
    pub fn refusal(&self, idx: usize) -> String {
        format!(
            "refused: the file asks to call {}; nothing was executed. Weights alone, as \
             `torch.save(model.state_dict(), ...)` writes them, need no such thing",
            self.unknown_name(idx)
        )
    }

    /// An object of `class`, of which only the name is kept.
    ///
    /// # Errors
    /// A value that is not a class.
    pub fn object_of(&self, class: Value<'a>) -> Result<Value<'a>, String> {
        match class {
            Value::Global(Global::Unknown(idx)) | Value::Object(idx) => Ok(Value::Object(idx)),
            _ => Err(malformed("an object")),
        }
    }

    /// The storage that PyTorch's persistent id stands for: `("storage", type, key, device,
    /// num_values)`, and in legacy files a sixth item that has been `None` since PyTorch 0.4.
    pub fn storage(&mut self, id: Value<'a>) -> Result<Value<'a>, String> {
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
            // Values of a type that is not known, or a class that PyTorch wrote with its source.
            [Value::Text("storage" | "module"), Value::Global(Global::Unknown(idx)), ..] => {
                return Ok(Value::Object(*idx));
            }
            _ => return Err(malformed("a storage")),
        };
        self.storages.push(storage);
        Ok(Value::Storage(self.storages.len() - 1))
    }

    /// Does what a call of `function` stands for.
    pub fn call(&mut self, function: Value<'a>, arguments: Value<'a>) -> Result<Value<'a>, String> {
        let function = match function {
            Value::Global(Global::Unknown(idx)) | Value::Object(idx) => {
                return Ok(Value::Object(idx));
            }
            Value::Global(function) => function,
            _ => return Err("refused: the file asks to call what is no function".to_string()),
        };
        if let (Global::RebuildTensor, &[object @ Value::Object(_), ..]) =
            (function, self.items(arguments))
        {
            return Ok(object);
        }
        Ok(match (function, self.items(arguments)) {
            (Global::OrderedDict, []) => Value::Dict(self.new_list(Vec::new())),
            (Global::OrderedDict, &[pairs @ Value::List(_)]) => self.dict_of_pairs(pairs)?,
            // A `defaultdict` with the function that makes its defaults.
            (Global::OrderedDict, [Value::None | Value::Global(_)]) => {
                Value::Dict(self.new_list(Vec::new()))
            }
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
            (Global::RebuildParameter, &[tensor @ (Value::Tensor(_) | Value::Object(_)), ..]) => {
                tensor
            }
            (Global::RebuildFromType, &[function, _, arguments, ..])
                if !matches!(function, Value::Global(Global::RebuildFromType)) =>
            {
                self.call(function, arguments)?
            }
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

/// As much of a name as a message shows.
fn start_of(name: &str) -> &str {
    let end = name.char_indices().nth(100).map_or(name.len(), |(end, _)| end);
    &name[..end]
}

fn malformed(what: &str) -> String {
    format!("{what} is not described as PyTorch does")
}
