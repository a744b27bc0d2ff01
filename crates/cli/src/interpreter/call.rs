//! Binding of arguments to the parameters of a function, and reading them as what the function wants.

use std::rc::Rc;

use brickwork_core::{ChunkSpec, DType};
use brickwork_ops::{Array, Axes, Term};

use super::convert::{as_dtype, as_float, as_int, as_isize, as_isizes, to_array, to_chunks, to_term};
use super::fault::{Fault, Outcome};
use super::value::{Generator, Value};
use crate::language::{Span, nearest_name};

/// An argument as passed.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The keyword and its place.
    pub keyword: Option<(String, Span)>,
    /// The value.
    pub value: Value,
    /// The place of the value.
    pub span: Span,
}

/// A parameter, as the signature writes it: `axis`, `axis=None`, `*shape`; after a `*` only by keyword.
#[derive(Debug, Clone, Copy)]
struct Parameter {
    name: &'static str,
    has_default: bool,
    is_variadic: bool,
    is_keyword_only: bool,
}

/// The arguments of a call, by parameter.
#[derive(Debug)]
pub struct Call {
    function: &'static str,
    values: Vec<(&'static str, Option<(Value, Span)>)>,
    /// The arguments of the parameter with a star.
    pub rest: Vec<(Value, Span)>,
    generator: Rc<Generator>,
}

fn parameters(signature: &'static str) -> Vec<Parameter> {
    let mut is_keyword_only = false;
    let mut parameters = Vec::new();
    for text in signature.split(", ").filter(|text| !text.is_empty()) {
        if text == "*" {
            is_keyword_only = true;
            continue;
        }
        let (name, has_default) = match text.split_once('=') {
            Some((name, _)) => (name, true),
            None => (text, false),
        };
        let is_variadic = name.starts_with('*');
        let name = name.trim_start_matches('*');
        parameters.push(Parameter { name, has_default, is_variadic, is_keyword_only });
        is_keyword_only |= is_variadic;
    }
    parameters
}

impl Call {
    /// Binds the arguments of a call of `function` by a signature as Python writes them.
    ///
    /// # Errors
    /// If an argument is missing, given twice, or not one of the function's.
    pub fn bind(
        function: &'static str,
        signature: &'static str,
        passed: Vec<Passed>,
        generator: Rc<Generator>,
    ) -> Outcome<Call> {
        let parameters = parameters(signature);
        let mut values: Vec<(&'static str, Option<(Value, Span)>)> =
            parameters.iter().filter(|p| !p.is_variadic).map(|p| (p.name, None)).collect();
        let usage = || format!("{function}({signature})");
        let mut rest = Vec::new();
        let mut positional = parameters.iter();
        for Passed { keyword, value, span } in passed {
            let name = match &keyword {
                Some((name, name_span)) => {
                    let known = parameters.iter().find(|p| p.name == name && !p.is_variadic);
                    // The parameter with a star may be named too: `x.reshape(shape=(2, 3))`.
                    if let (None, Some(variadic)) =
                        (known, parameters.iter().find(|p| p.is_variadic && p.name == name))
                    {
                        let _ = variadic;
                        rest.push((value, span));
                        continue;
                    }
                    known
                        .ok_or_else(|| {
                            unexpected_keyword(function, &usage(), name, &parameters).at(*name_span)
                        })?
                        .name
                }
                None => match positional.as_slice().first() {
                    Some(parameter) if parameter.is_variadic => {
                        rest.push((value, span));
                        continue;
                    }
                    Some(parameter) if !parameter.is_keyword_only => {
                        positional.next();
                        parameter.name
                    }
                    _ => {
                        let most = parameters.iter().filter(|p| !p.is_keyword_only).count();
                        let plural = if most == 1 { "" } else { "s" };
                        let message =
                            format!("{function} takes at most {most} argument{plural} without a keyword");
                        return Err(Fault::new(message).help(usage()).at(span));
                    }
                },
            };
            let slot = values.iter_mut().find(|(slot, _)| *slot == name);
            let (_, slot) = slot.expect("every parameter but the starred one has a slot");
            if slot.is_some() {
                return Err(Fault::new(format!("{function} got {name} twice")).help(usage()).at(span));
            }
            *slot = Some((value, span));
        }
        let missing = parameters.iter().find(|parameter| {
            !parameter.has_default
                && !parameter.is_variadic
                && values.iter().any(|(name, value)| *name == parameter.name && value.is_none())
        });
        if let Some(parameter) = missing {
            return Err(Fault::new(format!("{function} needs the argument {}", parameter.name)).help(usage()));
        }
        Ok(Call { function, values, rest, generator })
    }

    /// The function's name.
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// The stream to draw random numbers from; takes note that it is used.
    pub fn generator(&self) -> &Rc<Generator> {
        &self.generator
    }

    /// An argument, if it was given, `None` included.
    pub fn raw(&self, name: &str) -> Option<&(Value, Span)> {
        self.values.iter().find(|(slot, _)| *slot == name).and_then(|(_, value)| value.as_ref())
    }

    /// An argument, if it was given and is not `None`.
    pub fn given(&self, name: &str) -> Option<&(Value, Span)> {
        self.raw(name).filter(|(value, _)| !matches!(value, Value::None))
    }

    /// Whether an argument was given and is not `None`.
    pub fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    fn required(&self, name: &str) -> Outcome<&(Value, Span)> {
        self.given(name).ok_or_else(|| {
            let fault = Fault::new(format!("{} needs the argument {name}", self.function));
            match self.raw(name) {
                Some((_, span)) => fault.at(*span),
                None => fault,
            }
        })
    }

    /// A message that an argument is not what it should be.
    pub fn wrong(&self, name: &str, expected: &str, given: &(Value, Span)) -> Fault {
        Fault::new(format!("{}: {name} must be {expected}, not {}", self.function, given.0.describe()))
            .at(given.1)
    }

    /// Reads an argument that has a default.
    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        default: T,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Outcome<T> {
        match self.given(name) {
            None => Ok(default),
            Some(given) => read(&given.0).ok_or_else(|| self.wrong(name, expected, given)),
        }
    }

    /// A required array; numbers and lists are taken as arrays.
    pub fn array(&self, name: &str) -> Outcome<Array> {
        let (value, span) = self.required(name)?;
        to_array(value).map_err(|fault| self.named(fault).at(*span))
    }

    /// A required operand.
    pub fn term(&self, name: &str) -> Outcome<Term> {
        let (value, span) = self.required(name)?;
        to_term(value).map_err(|fault| self.named(fault).at(*span))
    }

    /// An operand that may be left out.
    pub fn optional_term(&self, name: &str) -> Outcome<Option<Term>> {
        if self.has(name) { self.term(name).map(Some) } else { Ok(None) }
    }

    /// A required list of arrays.
    pub fn arrays(&self, name: &str) -> Outcome<Vec<Array>> {
        let given = self.required(name)?;
        let Some(items) = given.0.items() else {
            let help = format!("write {}([x, y])", self.function);
            return Err(self.wrong(name, "a list of arrays", given).help(help));
        };
        if items.is_empty() {
            return Err(Fault::new(format!("{}: the list of arrays is empty", self.function)).at(given.1));
        }
        items.iter().map(|item| to_array(item).map_err(|fault| self.named(fault).at(given.1))).collect()
    }

    /// An integer with a default.
    pub fn int(&self, name: &str, default: isize) -> Outcome<isize> {
        self.read(name, "an integer", default, as_isize)
    }

    /// An integer that is not negative.
    pub fn count(&self, name: &str, default: usize) -> Outcome<usize> {
        let read = |value: &Value| as_int(value).and_then(|value| usize::try_from(value).ok());
        self.read(name, "an integer of at least 0", default, read)
    }

    /// An integer, if given.
    pub fn optional_int(&self, name: &str) -> Outcome<Option<isize>> {
        self.read(name, "an integer", None, |value| as_isize(value).map(Some))
    }

    /// One or several integers, if given.
    pub fn optional_ints(&self, name: &str) -> Outcome<Option<Vec<isize>>> {
        self.read(name, "an integer or a tuple of integers", None, |value| as_isizes(value).map(Some))
    }

    /// One or several integers.
    pub fn ints(&self, name: &str) -> Outcome<Vec<isize>> {
        self.required(name)?;
        Ok(self.optional_ints(name)?.unwrap_or_default())
    }

    /// A real number with a default.
    pub fn float(&self, name: &str, default: f64) -> Outcome<f64> {
        self.read(name, "a real number", default, as_float)
    }

    /// A truth value with a default.
    pub fn flag(&self, name: &str, default: bool) -> Outcome<bool> {
        let read = |value: &Value| match value {
            Value::Scalar(brickwork_core::Weak::Bool(value)) => Some(*value),
            _ => None,
        };
        self.read(name, "True or False", default, read)
    }

    /// A string with a default.
    pub fn text(&self, name: &str, default: &str) -> Outcome<String> {
        let read = |value: &Value| match value {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        self.read(name, "a string", default.to_owned(), read)
    }

    /// A dtype, if given.
    pub fn dtype(&self, name: &str) -> Outcome<Option<DType>> {
        self.read(name, "a dtype such as 'float32' or np.int64", None, |value| as_dtype(value).map(Some))
    }

    /// A shape: an integer or a tuple of integers, none negative.
    pub fn shape(&self, name: &str) -> Outcome<Vec<usize>> {
        let given = self.required(name)?;
        shape_of(&given.0)
            .ok_or_else(|| self.wrong(name, "an integer or a tuple of integers of at least 0", given))
    }

    /// How the result is to be cut, automatically if that is not said.
    pub fn chunks(&self, name: &str) -> Outcome<ChunkSpec> {
        match self.given(name) {
            None => Ok(ChunkSpec::auto()),
            Some((value, span)) => to_chunks(value, None).map_err(|fault| self.named(fault).at(*span)),
        }
    }

    /// The starred arguments as integers: `f(2, 3)`, `f((2, 3))` and `f([2, 3])` mean the same.
    pub fn rest_ints(&self, name: &str) -> Outcome<Vec<isize>> {
        match self.rest.as_slice() {
            [one] => as_isizes(&one.0).ok_or_else(|| self.wrong(name, "integers", one)),
            several => several
                .iter()
                .map(|given| as_isize(&given.0).ok_or_else(|| self.wrong(name, "integers", given)))
                .collect(),
        }
    }

    /// The options of a reduction: `axis`, `keepdims`, `dtype`, `ddof`, `where`, as far as the signature has them.
    pub fn axes(&self) -> Outcome<Axes> {
        let mut axes = match self.optional_ints("axis")? {
            Some(list) => Axes::of(list),
            None => Axes::all(),
        };
        if self.flag("keepdims", false)? {
            axes = axes.keepdims();
        }
        if let Some(dtype) = self.dtype("dtype")? {
            axes = axes.dtype(dtype);
        }
        if self.has("ddof") {
            axes = axes.ddof(self.float("ddof", 0.0)?);
        }
        if self.has("where") {
            axes = axes.only(self.array("where")?);
        }
        Ok(axes)
    }

    fn named(&self, fault: Fault) -> Fault {
        Fault { message: format!("{}: {}", self.function, fault.message), ..fault }
    }
}

/// The shape that a value is.
pub fn shape_of(value: &Value) -> Option<Vec<usize>> {
    as_isizes(value)?.into_iter().map(|length| usize::try_from(length).ok()).collect()
}

fn unexpected_keyword(function: &str, usage: &str, name: &str, parameters: &[Parameter]) -> Fault {
    if name == "out" {
        return Fault::new(format!("{function} takes no out: arrays are not changed in place"))
            .help("bind the result to a name instead");
    }
    let fault = Fault::new(format!("{function} has no argument {name}"));
    match nearest_name(name, parameters.iter().map(|parameter| parameter.name)) {
        Some(near) => fault.help(format!("did you mean {near}? {usage}")),
        None => fault.help(usage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(keyword: Option<&str>, value: i32) -> Passed {
        let span = Span::new(0, 1);
        Passed { keyword: keyword.map(|name| (name.to_owned(), span)), value: Value::int(value), span }
    }

    fn bind(signature: &'static str, arguments: &[(Option<&str>, i32)]) -> Outcome<Call> {
        let list = arguments.iter().map(|(keyword, value)| passed(*keyword, *value)).collect();
        Call::bind("f", signature, list, Rc::new(Generator::new(Some(1))))
    }

    #[test]
    fn arguments_are_bound_by_place_and_by_name() {
        let call = bind("a, axis=None, *, ddof=0", &[(None, 1), (Some("ddof"), 2)]).unwrap();
        assert_eq!(call.int("ddof", 0).unwrap(), 2);
        assert_eq!(call.optional_int("axis").unwrap(), None);
        let call = bind("a, *shape", &[(None, 1), (None, 2), (None, 3)]).unwrap();
        assert_eq!(call.rest_ints("shape").unwrap(), [2, 3]);
        let call = bind("a, *shape", &[(None, 1), (Some("shape"), 6)]).unwrap();
        assert_eq!(call.rest_ints("shape").unwrap(), [6]);
    }

    #[test]
    fn wrong_calls_say_what_would_be_right() {
        let fault =
            |arguments: &[(Option<&str>, i32)]| bind("a, axis=None, *, ddof=0", arguments).unwrap_err();
        assert_eq!(fault(&[]).message, "f needs the argument a");
        assert_eq!(fault(&[]).help.unwrap(), "f(a, axis=None, *, ddof=0)");
        assert_eq!(fault(&[(None, 1), (Some("axes"), 0)]).message, "f has no argument axes");
        assert!(fault(&[(None, 1), (Some("axes"), 0)]).help.unwrap().starts_with("did you mean axis?"));
        assert_eq!(fault(&[(None, 1), (Some("a"), 0)]).message, "f got a twice");
        assert_eq!(
            fault(&[(None, 1), (None, 2), (None, 3)]).message,
            "f takes at most 2 arguments without a keyword"
        );
        assert!(fault(&[(None, 1), (Some("out"), 0)]).message.contains("takes no out"));
        let call = bind("a, axis=None", &[(None, 1), (None, -2)]).unwrap();
        assert!(call.count("axis", 0).unwrap_err().message.contains("axis must be an integer of at least 0"));
        assert!(call.dtype("a").unwrap_err().message.contains("must be a dtype"));
    }
}
