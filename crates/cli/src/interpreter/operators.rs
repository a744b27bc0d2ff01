//! Operators between values: of arrays by NumPy's functions, of plain numbers and lists by Python's rules.

use brickwork_core::Weak;

use super::convert::{as_int, to_array};
use super::fault::{Fault, Outcome};
use super::functions::elementwise;
use super::scalar;
use super::value::{Items, Value};
use crate::language::{BinaryOperator, CompareOperator, UnaryOperator};

/// Longer lists than this are not made by `[0] * n`.
const LONGEST_REPEATED: usize = 10_000_000;

/// An operator before a value.
///
/// # Errors
/// If it is not defined for the value.
pub fn unary(operator: UnaryOperator, operand: &Value) -> Outcome<Value> {
    match operand {
        Value::Scalar(number) => scalar::unary(operator, *number).map(Value::Scalar),
        Value::Array(_) => match operator {
            UnaryOperator::Negative => elementwise("negative", &[operand]),
            UnaryOperator::Positive => elementwise("positive", &[operand]),
            UnaryOperator::Invert => elementwise("invert", &[operand]),
            UnaryOperator::Not => Err(no_single_truth("not", "~x or logical_not(x)")),
        },
        _ if operator == UnaryOperator::Not => {
            Ok(Value::Scalar((scalar::truth(operand) == Some(false)).into()))
        }
        other => Err(Fault::new(format!("{operator} is not defined for {}", other.describe()))),
    }
}

fn no_single_truth(operator: &str, instead: &str) -> Fault {
    Fault::new(format!("{operator} needs one truth value, and an array has many")).help(format!(
        "element by element, write {instead}; for one answer, x.any() or x.all() give an array too"
    ))
}

/// The function of NumPy behind an operator.
fn function_of(operator: BinaryOperator) -> Option<&'static str> {
    use BinaryOperator as Op;
    Some(match operator {
        Op::Add => "add",
        Op::Subtract => "subtract",
        Op::Multiply => "multiply",
        Op::Divide => "true_divide",
        Op::FloorDivide => "floor_divide",
        Op::Remainder => "remainder",
        Op::Power => "power",
        Op::BitAnd => "bitwise_and",
        Op::BitOr => "bitwise_or",
        Op::BitXor => "bitwise_xor",
        Op::ShiftLeft => "left_shift",
        Op::ShiftRight => "right_shift",
        Op::And | Op::Or | Op::MatrixMultiply => return None,
    })
}

/// Two values joined by an operator.
///
/// # Errors
/// If it is not defined for them, or the arrays do not fit together.
pub fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Outcome<Value> {
    if matches!(operator, BinaryOperator::And | BinaryOperator::Or) {
        let Some(truth) = scalar::truth(left) else {
            let instead = if operator == BinaryOperator::And { "(a) & (b)" } else { "(a) | (b)" };
            return Err(no_single_truth(operator.text(), instead));
        };
        return Ok(if truth == (operator == BinaryOperator::Or) { left.clone() } else { right.clone() });
    }
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            scalar::binary(operator, *left, *right).map(Value::Scalar)
        }
        _ if matches!(left, Value::Array(_)) || matches!(right, Value::Array(_)) => {
            match function_of(operator) {
                Some(name) => elementwise(name, &[left, right]),
                None => Ok(Value::Array(to_array(left)?.matmul(&to_array(right)?)?)),
            }
        }
        _ => sequences(operator, left, right).unwrap_or_else(|| {
            let (left, right) = (left.describe(), right.describe());
            Err(Fault::new(format!("{operator} is not defined for {left} and {right}")))
        }),
    }
}

/// `[1] + [2]`, `[0] * 3`, and the same of tuples and strings.
fn sequences(operator: BinaryOperator, left: &Value, right: &Value) -> Option<Outcome<Value>> {
    let joined = |left: &Items, right: &Items| Items::new(left.iter().chain(&**right).cloned().collect());
    let repeated = |items: &Items, count: i128| {
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        if items.len().saturating_mul(count) > LONGEST_REPEATED {
            return Err(Fault::new("the list would be too long").help("use full or repeat"));
        }
        Items::new(items.iter().cycle().take(items.len() * count).cloned().collect())
    };
    match (operator, left, right) {
        (BinaryOperator::Add, Value::List(left), Value::List(right)) => {
            Some(joined(left, right).map(Value::List))
        }
        (BinaryOperator::Add, Value::Tuple(left), Value::Tuple(right)) => {
            Some(joined(left, right).map(Value::Tuple))
        }
        (BinaryOperator::Add, Value::Text(left), Value::Text(right)) => {
            Some(Ok(Value::text(format!("{left}{right}"))))
        }
        (BinaryOperator::Multiply, Value::List(items), count)
        | (BinaryOperator::Multiply, count, Value::List(items)) => {
            Some(repeated(items, as_int(count)?).map(Value::List))
        }
        (BinaryOperator::Multiply, Value::Tuple(items), count)
        | (BinaryOperator::Multiply, count, Value::Tuple(items)) => {
            Some(repeated(items, as_int(count)?).map(Value::Tuple))
        }
        _ => None,
    }
}

/// One comparison.
///
/// # Errors
/// If the values cannot be compared so.
pub fn compare(operator: CompareOperator, left: &Value, right: &Value) -> Outcome<Value> {
    use CompareOperator as Op;
    let answer = |truth: bool| Ok(Value::Scalar(Weak::Bool(truth)));
    match operator {
        Op::Is | Op::IsNot => {
            let same = match (left, right) {
                (Value::None, Value::None) | (Value::Ellipsis, Value::Ellipsis) => true,
                (Value::Scalar(Weak::Bool(left)), Value::Scalar(Weak::Bool(right))) => left == right,
                (Value::None, _) | (_, Value::None) => false,
                _ => {
                    return Err(
                        Fault::new("is asks for None, True or False").help("write == to compare values")
                    );
                }
            };
            return answer(same == (operator == Op::Is));
        }
        Op::In | Op::NotIn => {
            let (Value::List(items) | Value::Tuple(items)) = right else {
                return Err(Fault::new(format!(
                    "{operator} asks for a list on its right, not {}",
                    right.describe()
                )));
            };
            let found =
                items.iter().map(|item| equal(left, item)).collect::<Outcome<Vec<bool>>>()?.contains(&true);
            return answer(found == (operator == Op::In));
        }
        _ => {}
    }
    let is_array = |value: &Value| matches!(value, Value::Array(_));
    if is_array(left) || is_array(right) {
        let name = match operator {
            Op::Less => "less",
            Op::LessEqual => "less_equal",
            Op::Greater => "greater",
            Op::GreaterEqual => "greater_equal",
            Op::Equal => "equal",
            _ => "not_equal",
        };
        return elementwise(name, &[left, right]);
    }
    match (operator, left, right) {
        (_, Value::Scalar(left), Value::Scalar(right)) => answer(scalar::compare(operator, *left, *right)?),
        (Op::Equal, ..) => answer(equal(left, right)?),
        (Op::NotEqual, ..) => answer(!equal(left, right)?),
        (_, Value::Text(left), Value::Text(right)) => {
            let order = left.cmp(right);
            answer(match operator {
                Op::Less => order.is_lt(),
                Op::LessEqual => order.is_le(),
                Op::Greater => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        _ => {
            let (left, right) = (left.describe(), right.describe());
            Err(Fault::new(format!("{operator} is not defined for {left} and {right}")))
        }
    }
}

/// Whether two values that hold no arrays are equal.
fn equal(left: &Value, right: &Value) -> Outcome<bool> {
    Ok(match (left, right) {
        (Value::Array(_), _) | (_, Value::Array(_)) => {
            return Err(Fault::new("a list that holds arrays cannot be compared"));
        }
        (Value::Scalar(left), Value::Scalar(right)) => {
            scalar::compare(CompareOperator::Equal, *left, *right)?
        }
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::None, Value::None) | (Value::Ellipsis, Value::Ellipsis) => true,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(&**right) {
                if !equal(left, right)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => match (super::convert::as_dtype(left), super::convert::as_dtype(right)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        },
    })
}
