//! Gives a parsed program its meaning: lazy arrays, and plain values. Builds only; computes nothing.

mod arrange;
mod assign;
mod attributes;
mod builtins;
mod call;
mod convert;
mod create;
mod fault;
mod functions;
mod operators;
mod random;
mod reduce;
mod scalar;
mod subscripts;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;
use std::rc::Rc;

pub use call::Passed;
pub use convert::{to_array, to_chunks};
pub use fault::{Fault, Outcome};
pub use value::{Generator, Items, Module, SliceBounds, Value};

use crate::language::{
    Argument, BinaryOperator, CompareOperator, NodeId, NodeKind, Program, Span, Statement, StatementKind,
    Target, nearest_name,
};
use convert::{as_int, as_isize};

/// Bound names that are listed in a message.
const NAMES_LISTED: usize = 20;

/// The variables, and the stream of random numbers.
#[derive(Debug)]
pub struct Interpreter {
    variables: HashMap<String, Value>,
    generator: Rc<Generator>,
}

impl Interpreter {
    /// With these variables, and a stream from a seed or from one that is drawn.
    pub fn new(variables: HashMap<String, Value>, seed: Option<u64>) -> Interpreter {
        Interpreter { variables, generator: Rc::new(Generator::new(seed)) }
    }

    /// The seed that random numbers were drawn from, if the user did not choose it.
    pub fn drawn_seed(&self) -> Option<u64> {
        let generator = &self.generator;
        (generator.is_used.get() && !generator.is_seeded.get()).then(|| generator.rng.borrow().seed())
    }

    /// Runs all statements; the value of the last one is the result.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn run(&mut self, program: &Program) -> Outcome<Value> {
        for import in &program.imports {
            let Some(module) = Module::named(&import.module) else {
                return Err(Fault::new(format!("there is no module {}", import.module))
                    .help("the modules are numpy, numpy.random and dask.array")
                    .at(import.span));
            };
            if let Some(alias) = &import.alias {
                self.variables.insert(alias.clone(), Value::Module(module));
            }
        }
        let mut result = Value::None;
        for statement in &program.statements {
            result = self.statement(program, statement)?;
        }
        Ok(result)
    }

    fn statement(&mut self, program: &Program, statement: &Statement) -> Outcome<Value> {
        let mut values = Values { first: statement.nodes.start, values: Vec::new() };
        for place in statement.nodes.clone() {
            let span = program.nodes[place].span;
            let value = self.node(program, NodeId(place), &values).map_err(|fault| fault.at(span))?;
            values.values.push(value);
        }
        let value = values.get(statement.kind.value()).clone();
        match &statement.kind {
            StatementKind::Expression(_) => Ok(value),
            StatementKind::Assign { targets, .. } => {
                for target in targets {
                    self.assign(program, target, &value, &values)?;
                }
                Ok(value)
            }
            StatementKind::AugmentedAssign { target, operator, .. } => {
                self.assign_augmented(program, target, *operator, &value, &values, statement.span)
            }
        }
    }

    fn assign(&mut self, program: &Program, target: &Target, value: &Value, values: &Values) -> Outcome<()> {
        match target {
            Target::Name { name, .. } => {
                self.variables.insert(name.clone(), value.clone());
            }
            Target::Names { names, span } => {
                let items = match value {
                    Value::List(items) | Value::Tuple(items) => items.to_vec(),
                    Value::Array(array) if array.shape().first() == Some(&names.len()) => {
                        subscripts::rows(array).map_err(|fault| fault.at(*span))?
                    }
                    other => vec![other.clone()],
                };
                if items.len() != names.len() {
                    let message = format!("{} names for {}", names.len(), value.describe());
                    return Err(Fault::new(message).at(*span));
                }
                for ((name, _), item) in names.iter().zip(items) {
                    self.variables.insert(name.clone(), item);
                }
            }
            Target::Item { base, index, span } => {
                let name = variable_of(program, *base)?;
                let Value::Array(array) = values.get(*base) else {
                    let what = values.get(*base).describe();
                    return Err(Fault::new(format!("elements of {what} cannot be replaced")).at(*span));
                };
                let replaced =
                    assign::replaced(array, values.get(*index), value).map_err(|fault| fault.at(*span))?;
                self.variables.insert(name, Value::Array(replaced));
            }
        }
        Ok(())
    }

    fn assign_augmented(
        &mut self,
        program: &Program,
        target: &Target,
        operator: BinaryOperator,
        value: &Value,
        values: &Values,
        span: Span,
    ) -> Outcome<Value> {
        let combined = |old: &Value| -> Outcome<Value> {
            let new = operators::binary(operator, old, value).map_err(|fault| fault.at(span))?;
            in_place(old, new).map_err(|fault| fault.at(span))
        };
        match target {
            Target::Name { name, span } => {
                let old = self.name(name).map_err(|fault| fault.at(*span))?;
                let new = combined(&old)?;
                self.variables.insert(name.clone(), new.clone());
                Ok(new)
            }
            Target::Item { base, index, span } => {
                let old = subscripts::subscript(values.get(*base), values.get(*index));
                let new = operators::binary(operator, &old.map_err(|fault| fault.at(*span))?, value);
                let new = new.map_err(|fault| fault.at(*span))?;
                self.assign(program, target, &new, values)?;
                self.name(&variable_of(program, *base)?)
            }
            Target::Names { span, .. } => {
                Err(Fault::new(format!("{operator}= changes one variable")).at(*span))
            }
        }
    }

    fn name(&self, name: &str) -> Outcome<Value> {
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        attributes::global(name).ok_or_else(|| self.unknown_name(name))
    }

    fn unknown_name(&self, name: &str) -> Fault {
        let mut bound: Vec<&str> = self.variables.keys().map(String::as_str).collect();
        bound.sort_unstable();
        let globals: Vec<&str> = attributes::global_names().collect();
        let near = nearest_name(name, bound.iter().chain(&globals).copied());
        let listed = match bound.len() {
            0 => format!("no function has it, and no array is bound to it; bind one: {name}=FILE"),
            count if count > NAMES_LISTED => format!("bound are {}, …", bound[..NAMES_LISTED].join(", ")),
            _ => format!("bound are {}", bound.join(", ")),
        };
        let fault = Fault::new(format!("unknown name {name}"));
        match near {
            Some(near) => fault.help(format!("did you mean {near}? ({listed})")),
            None => fault.help(listed),
        }
    }

    fn node(&self, program: &Program, id: NodeId, values: &Values) -> Outcome<Value> {
        let list = |ids: &[NodeId]| Items::new(ids.iter().map(|&id| values.get(id).clone()).collect());
        Ok(match &program[id].kind {
            NodeKind::Name(name) => self.name(name)?,
            NodeKind::Integer(value) => Value::int(*value),
            NodeKind::Float(value) => Value::Scalar((*value).into()),
            NodeKind::Imaginary(value) => Value::Scalar(brickwork_core::Complex::new(0.0, *value).into()),
            NodeKind::Text(text) => Value::text(text.as_str()),
            NodeKind::Bool(value) => Value::Scalar((*value).into()),
            NodeKind::None => Value::None,
            NodeKind::Ellipsis => Value::Ellipsis,
            NodeKind::List(ids) => Value::List(list(ids)?),
            NodeKind::Tuple(ids) => Value::Tuple(list(ids)?),
            NodeKind::Dict(entries) => {
                let entries = entries.iter().flat_map(|&(key, value)| [key, value]);
                Value::Dict(list(&entries.collect::<Vec<_>>())?)
            }
            NodeKind::Unary { operator, operand } => operators::unary(*operator, values.get(*operand))?,
            NodeKind::Binary { operator, left, right } => {
                operators::binary(*operator, values.get(*left), values.get(*right))?
            }
            NodeKind::Compare { first, rest } => comparison(values, *first, rest)?,
            NodeKind::Conditional { condition, chosen, otherwise } => {
                match scalar::truth(values.get(*condition)) {
                    Some(true) => values.get(*chosen).clone(),
                    Some(false) => values.get(*otherwise).clone(),
                    None => {
                        return Err(Fault::new("if needs one truth value, and an array has many")
                            .help("write where(condition, a, b)")
                            .at(program[*condition].span));
                    }
                }
            }
            NodeKind::Attribute { base, name, name_span } => {
                attributes::attribute(values.get(*base), name).map_err(|fault| fault.at(*name_span))?
            }
            NodeKind::Call { function, arguments } => self.call(program, *function, arguments, values)?,
            NodeKind::Subscript { base, index } => {
                subscripts::subscript(values.get(*base), values.get(*index))?
            }
            NodeKind::Slice { start, stop, step } => slice(values, *start, *stop, *step)?,
        })
    }

    fn call(
        &self,
        program: &Program,
        function: NodeId,
        arguments: &[Argument],
        values: &Values,
    ) -> Outcome<Value> {
        let mut passed: Vec<Passed> = arguments
            .iter()
            .map(|argument| Passed {
                keyword: argument.keyword.clone(),
                value: values.get(argument.value).clone(),
                span: program[argument.value].span,
            })
            .collect();
        match values.get(function) {
            Value::Function(function) => function.call(passed, &self.generator),
            Value::Method(receiver, method) => match &**receiver {
                Value::Generator(generator) => method.call(passed, generator),
                array => {
                    let span = program[function].span;
                    passed.insert(0, Passed { keyword: None, value: array.clone(), span });
                    method.call(passed, &self.generator)
                }
            },
            Value::DType(dtype) => {
                let [Passed { keyword: None, value, .. }] = passed.as_slice() else {
                    return Err(Fault::new(format!("{dtype} takes one number or array")));
                };
                match value {
                    Value::Scalar(number) if as_int(value).is_some() => {
                        Ok(Value::Array(convert::from_weak(*number, Some(*dtype))?))
                    }
                    other => Ok(Value::Array(to_array(other)?.astype(*dtype)?)),
                }
            }
            Value::Module(module) => {
                let fault = Fault::new("a module cannot be called");
                Err(if *module == Module::Random { fault.help("write random.random(size)") } else { fault })
            }
            other => Err(Fault::new(format!("{} cannot be called", other.describe()))),
        }
    }
}

/// The values of the nodes of one statement.
struct Values {
    /// The number of the statement's first node.
    first: usize,
    values: Vec<Value>,
}

impl Values {
    fn get(&self, id: NodeId) -> &Value {
        &self.values[id.0 - self.first]
    }
}

fn variable_of(program: &Program, base: NodeId) -> Outcome<String> {
    match &program[base].kind {
        NodeKind::Name(name) => Ok(name.clone()),
        _ => Err(Fault::new("only elements of a variable can be replaced")
            .help("bind the array to a name first: y = …; y[…] = v")
            .at(program[base].span)),
    }
}

/// What `x += y` leaves in `x`: NumPy keeps the dtype and the shape of an array.
fn in_place(old: &Value, new: Value) -> Outcome<Value> {
    let (Value::Array(old), Value::Array(array)) = (old, &new) else { return Ok(new) };
    if old.shape() != array.shape() {
        let (old, new) = (old.shape(), array.shape());
        return Err(Fault::new(format!("the result has shape {new:?}, the variable {old:?}"))
            .help("write x = x + y to bind an array of another shape"));
    }
    if old.dtype() == array.dtype() {
        return Ok(new);
    }
    if !array.dtype().can_cast_same_kind(old.dtype()) {
        return Err(Fault::new(format!(
            "the result has dtype {}, the variable {}",
            array.dtype(),
            old.dtype()
        ))
        .help("write x = x + y to bind an array of another dtype"));
    }
    Ok(Value::Array(array.astype(old.dtype())?))
}

fn comparison(values: &Values, first: NodeId, rest: &[(CompareOperator, NodeId)]) -> Outcome<Value> {
    let mut left = values.get(first);
    let mut result = Value::Scalar(true.into());
    for &(operator, right) in rest {
        let right = values.get(right);
        result = operators::compare(operator, left, right)?;
        match scalar::truth(&result) {
            None if rest.len() > 1 => {
                return Err(Fault::new(
                    "a chain of comparisons needs truth values, and arrays have many of them",
                )
                .help("write (a < b) & (b < c)"));
            }
            Some(false) => return Ok(result),
            _ => left = right,
        }
    }
    Ok(result)
}

fn slice(
    values: &Values,
    start: Option<NodeId>,
    stop: Option<NodeId>,
    step: Option<NodeId>,
) -> Outcome<Value> {
    let bound = |id: Option<NodeId>| -> Outcome<Option<isize>> {
        match id.map(|id| values.get(id)) {
            None | Some(Value::None) => Ok(None),
            Some(value) => match (as_isize(value), as_int(value)) {
                (Some(bound), _) => Ok(Some(bound)),
                // Beyond every axis.
                (None, Some(bound)) => Ok(Some(if bound < 0 { isize::MIN } else { isize::MAX })),
                _ => Err(Fault::new(format!(
                    "the bounds of a slice must be integers, not {}",
                    value.describe()
                ))),
            },
        }
    };
    let step = bound(step)?.unwrap_or(1);
    if step == 0 {
        return Err(
            Fault::new("a slice cannot have step 0").help("use a step of at least 1, or a negative one")
        );
    }
    Ok(Value::Slice(SliceBounds { start: bound(start)?, stop: bound(stop)?, step }))
}
