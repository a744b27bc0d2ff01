//! Arithmetic of plain numbers, as Python does it, but for integers beyond 128 bits.

use std::cmp::Ordering;

use brickwork_core::{Complex, Weak, WeakKind};

use super::fault::{Fault, Outcome};
use super::value::Value;
use crate::language::{BinaryOperator, CompareOperator, UnaryOperator};

/// The message for integers that would need more than 128 bits.
pub fn overflow() -> Fault {
    Fault::new("the integer is too large").help("use a float: 1e40")
}

fn division_by_zero() -> Fault {
    Fault::new("division by zero")
}

/// Whether a value that is no array counts as true; `None` for arrays, which have many answers.
pub fn truth(value: &Value) -> Option<bool> {
    Some(match value {
        Value::Array(_) => return None,
        Value::Scalar(number) => number.to_complex() != Complex::new(0.0, 0.0),
        Value::Text(text) => !text.is_empty(),
        Value::List(items) | Value::Tuple(items) | Value::Dict(items) => !items.is_empty(),
        Value::None => false,
        _ => true,
    })
}

fn integer(number: Weak) -> i128 {
    match number {
        Weak::Int(value) => value,
        Weak::Bool(value) => value.into(),
        _ => 0,
    }
}

fn float(number: Weak) -> f64 {
    match number {
        Weak::Float(value) => value,
        other => integer(other) as f64,
    }
}

/// A number with a sign or `~` or `not`.
///
/// # Errors
/// If the operator is not defined for the number.
pub fn unary(operator: UnaryOperator, number: Weak) -> Outcome<Weak> {
    Ok(match (operator, number) {
        (UnaryOperator::Not, number) => Weak::Bool(number.to_complex() == Complex::new(0.0, 0.0)),
        (UnaryOperator::Positive, Weak::Bool(value)) => Weak::Int(value.into()),
        (UnaryOperator::Positive, number) => number,
        (UnaryOperator::Negative, Weak::Float(value)) => Weak::Float(-value),
        (UnaryOperator::Negative, Weak::Complex(value)) => Weak::Complex(-value),
        (UnaryOperator::Negative, number) => Weak::Int(integer(number).checked_neg().ok_or_else(overflow)?),
        (UnaryOperator::Invert, Weak::Float(_) | Weak::Complex(_)) => {
            return Err(Fault::new("~ is defined for integers and truth values only"));
        }
        (UnaryOperator::Invert, number) => Weak::Int(!integer(number)),
    })
}

/// Two numbers joined by an operator.
///
/// # Errors
/// If the operator is not defined for them, or the result too large an integer.
pub fn binary(operator: BinaryOperator, left: Weak, right: Weak) -> Outcome<Weak> {
    use BinaryOperator::{BitAnd, BitOr, BitXor, Divide, Power, ShiftLeft, ShiftRight};
    if let (Weak::Bool(left), Weak::Bool(right)) = (left, right) {
        match operator {
            BitAnd => return Ok(Weak::Bool(left & right)),
            BitOr => return Ok(Weak::Bool(left | right)),
            BitXor => return Ok(Weak::Bool(left ^ right)),
            _ => {}
        }
    }
    let kind = left.kind().max(right.kind());
    if matches!(operator, BitAnd | BitOr | BitXor | ShiftLeft | ShiftRight) && kind > WeakKind::Int {
        return Err(Fault::new(format!("{operator} is defined for integers and truth values only")));
    }
    match kind {
        WeakKind::Complex => complexes(operator, left.to_complex(), right.to_complex()),
        WeakKind::Float => floats(operator, float(left), float(right)),
        _ if operator == Divide => floats(operator, float(left), float(right)),
        _ if operator == Power && integer(right) < 0 => floats(operator, float(left), float(right)),
        _ => integers(operator, integer(left), integer(right)).map(Weak::Int),
    }
}

fn integers(operator: BinaryOperator, left: i128, right: i128) -> Outcome<i128> {
    use BinaryOperator as Op;
    let floor = || -> Outcome<(i128, i128)> {
        if right == 0 {
            return Err(division_by_zero());
        }
        let (quotient, remainder) = (left.checked_div(right).ok_or_else(overflow)?, left.wrapping_rem(right));
        let adjust = remainder != 0 && (remainder < 0) != (right < 0);
        Ok(if adjust { (quotient - 1, remainder + right) } else { (quotient, remainder) })
    };
    let shift = || u32::try_from(right).map_err(|_| Fault::new("a shift is by an integer from 0 to 126"));
    match operator {
        Op::Add => left.checked_add(right),
        Op::Subtract => left.checked_sub(right),
        Op::Multiply => left.checked_mul(right),
        Op::FloorDivide => Some(floor()?.0),
        Op::Remainder => Some(floor()?.1),
        Op::Power => match u32::try_from(right) {
            Ok(exponent) => left.checked_pow(exponent),
            // Only these stay small.
            Err(_) => match left {
                0 | 1 => Some(left),
                -1 => Some(if right % 2 == 0 { 1 } else { -1 }),
                _ => None,
            },
        },
        Op::BitAnd => Some(left & right),
        Op::BitOr => Some(left | right),
        Op::BitXor => Some(left ^ right),
        Op::ShiftLeft => {
            let by = shift()?;
            let result = left.checked_shl(by);
            result.filter(|result| by < 127 && (result >> by) == left).or((left == 0).then_some(0))
        }
        Op::ShiftRight => Some(left >> shift()?.min(127)),
        Op::Or | Op::And | Op::MatrixMultiply | Op::Divide => return Err(undefined(operator)),
    }
    .ok_or_else(overflow)
}

fn undefined(operator: BinaryOperator) -> Fault {
    Fault::new(format!("{operator} is not defined for numbers"))
}

fn floats(operator: BinaryOperator, left: f64, right: f64) -> Outcome<Weak> {
    use BinaryOperator as Op;
    if matches!(operator, Op::Divide | Op::FloorDivide | Op::Remainder) && right == 0.0 {
        return Err(division_by_zero());
    }
    Ok(Weak::Float(match operator {
        Op::Add => left + right,
        Op::Subtract => left - right,
        Op::Multiply => left * right,
        Op::Divide => left / right,
        Op::FloorDivide => ((left - remainder(left, right)) / right).round_ties_even(),
        Op::Remainder => remainder(left, right),
        Op::Power if left == 0.0 && right < 0.0 => return Err(division_by_zero()),
        Op::Power if left < 0.0 && left.is_finite() && right.is_finite() && right.fract() != 0.0 => {
            return Ok(Weak::Complex(Complex::new(left, 0.0).powf(right)));
        }
        Op::Power => {
            let result = left.powf(right);
            if result.is_infinite() && left.is_finite() && right.is_finite() {
                return Err(Fault::new("the result is too large for a float"));
            }
            result
        }
        other => return Err(undefined(other)),
    }))
}

/// The remainder that has the sign of the divisor.
fn remainder(left: f64, right: f64) -> f64 {
    let remainder = left % right;
    if remainder == 0.0 {
        0.0_f64.copysign(right)
    } else if (remainder < 0.0) != (right < 0.0) {
        remainder + right
    } else {
        remainder
    }
}

fn complexes(operator: BinaryOperator, left: Complex<f64>, right: Complex<f64>) -> Outcome<Weak> {
    use BinaryOperator as Op;
    let zero = Complex::new(0.0, 0.0);
    Ok(Weak::Complex(match operator {
        Op::Add => left + right,
        Op::Subtract => left - right,
        Op::Multiply => left * right,
        Op::Divide if right == zero => return Err(division_by_zero()),
        Op::Divide => left / right,
        Op::Power if right == zero => Complex::new(1.0, 0.0),
        Op::Power if left == zero => zero,
        Op::Power => match right {
            Complex { re, im: 0.0 } if re.fract() == 0.0 && re.abs() <= 100.0 => left.powi(re as i32),
            _ => left.powc(right),
        },
        other => return Err(undefined(other)),
    }))
}

/// How two numbers compare.
///
/// # Errors
/// If they have no order.
pub fn compare(operator: CompareOperator, left: Weak, right: Weak) -> Outcome<bool> {
    use CompareOperator as Op;
    let kind = left.kind().max(right.kind());
    let order = match kind {
        WeakKind::Complex => {
            let equal = left.to_complex() == right.to_complex();
            return match operator {
                Op::Equal | Op::Is => Ok(equal),
                Op::NotEqual | Op::IsNot => Ok(!equal),
                _ => {
                    Err(Fault::new("complex numbers have no order").help("compare abs(…) or the real parts"))
                }
            };
        }
        WeakKind::Float => float(left).partial_cmp(&float(right)),
        _ => Some(integer(left).cmp(&integer(right))),
    };
    Ok(match operator {
        Op::Less => order == Some(Ordering::Less),
        Op::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Op::Greater => order == Some(Ordering::Greater),
        Op::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Op::Equal | Op::Is => order == Some(Ordering::Equal),
        Op::NotEqual | Op::IsNot => order != Some(Ordering::Equal),
        Op::In | Op::NotIn => return Err(Fault::new("in asks for a list on its right")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use BinaryOperator as Op;

    fn int(operator: Op, left: i128, right: i128) -> String {
        binary(operator, Weak::Int(left), Weak::Int(right))
            .map_or_else(|fault| fault.message, |value| value.to_string())
    }

    #[test]
    fn integers_divide_as_in_python() {
        for (left, right, quotient, remainder) in
            [(7, 2, "3", "1"), (-7, 2, "-4", "1"), (7, -2, "-4", "-1"), (-7, -2, "3", "-1")]
        {
            assert_eq!(int(Op::FloorDivide, left, right), quotient);
            assert_eq!(int(Op::Remainder, left, right), remainder);
        }
        assert_eq!(int(Op::Divide, 7, 2), "3.5");
        assert_eq!(int(Op::Divide, 1, 0), "division by zero");
        assert_eq!(int(Op::Power, 2, -1), "0.5");
        assert_eq!(int(Op::Power, 2, 100), (1i128 << 100).to_string());
        assert_eq!(int(Op::Power, 2, 127), "the integer is too large");
        assert_eq!(int(Op::Power, -1, i128::MAX), "-1");
        assert_eq!(int(Op::ShiftLeft, 3, 4), "48");
        assert_eq!(int(Op::ShiftLeft, 3, 126), "the integer is too large");
        assert_eq!(int(Op::ShiftRight, -8, 1), "-4");
        assert_eq!(int(Op::ShiftLeft, 1, -1), "a shift is by an integer from 0 to 126");
    }

    #[test]
    fn floats_divide_as_in_python() {
        let float = |operator, left, right| match binary(operator, Weak::Float(left), Weak::Float(right)) {
            Ok(Weak::Float(value)) => value,
            other => panic!("{other:?}"),
        };
        assert_eq!(float(Op::FloorDivide, -7.5, 2.0), -4.0);
        assert_eq!(float(Op::Remainder, -7.5, 2.0), 0.5);
        assert_eq!(float(Op::Remainder, 7.5, -2.0), -0.5);
        assert!(float(Op::Remainder, 4.0, -2.0).is_sign_negative());
        assert!(matches!(binary(Op::Power, Weak::Int(-8), Weak::Float(0.5)), Ok(Weak::Complex(_))));
        assert!(binary(Op::BitAnd, Weak::Float(1.0), Weak::Int(1)).is_err());
        assert_eq!(binary(Op::BitAnd, Weak::Bool(true), Weak::Bool(true)).unwrap(), Weak::Bool(true));
        assert_eq!(binary(Op::Add, Weak::Bool(true), Weak::Bool(true)).unwrap(), Weak::Int(2));
    }

    #[test]
    fn comparisons_know_nan_and_complex() {
        let nan = Weak::Float(f64::NAN);
        assert!(!compare(CompareOperator::LessEqual, nan, nan).unwrap());
        assert!(compare(CompareOperator::NotEqual, nan, nan).unwrap());
        assert!(compare(CompareOperator::Less, Weak::Complex(Complex::new(0.0, 1.0)), Weak::Int(1)).is_err());
    }
}
