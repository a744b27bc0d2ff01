//! Arrays as text, by the rules of NumPy 2: what `str(array)` gives with the print options as they are at the start.
//!
//! An array of more than 1000 elements is summarised: of each axis longer than six only the first and last three
//! places are shown. [`shown_indices`] tells which, so that only those need to be computed; [`format_array`] takes
//! the shape of the whole array and the values of the places shown.

use num_complex::Complex;
use thiserror::Error;

/// Arrays with more elements than this are summarised.
const THRESHOLD: usize = 1000;

/// How many places are shown at each end of a summarised axis.
const EDGE_ITEMS: usize = 3;

/// The columns of a line.
const LINE_WIDTH: usize = 75;

/// The most digits after the point.
const PRECISION: usize = 8;

/// The values to show, in row-major order, by kind; the widths of integers make no difference to the text.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Truth values.
    Bool(&'a [bool]),
    /// Signed integers.
    Int(&'a [i64]),
    /// Unsigned integers.
    Uint(&'a [u64]),
    /// 32-bit floating-point numbers.
    Float32(&'a [f32]),
    /// 64-bit floating-point numbers.
    Float64(&'a [f64]),
    /// Pairs of 32-bit floating-point numbers: NumPy's `complex64`.
    Complex64(&'a [Complex<f32>]),
    /// Pairs of 64-bit floating-point numbers: NumPy's `complex128`.
    Complex128(&'a [Complex<f64>]),
}

impl Values<'_> {
    /// How many values there are.
    fn len(&self) -> usize {
        match self {
            Values::Bool(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Uint(values) => values.len(),
            Values::Float32(values) => values.len(),
            Values::Float64(values) => values.len(),
            Values::Complex64(values) => values.len(),
            Values::Complex128(values) => values.len(),
        }
    }
}

/// The values are not as many as the places shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("showing an array of shape {shape:?} takes {expected} values, but {given} are given")]
pub struct WrongCount {
    /// The shape of the whole array.
    pub shape: Vec<usize>,
    /// How many places [`shown_indices`] names.
    pub expected: usize,
    /// How many values there are.
    pub given: usize,
}

/// For each axis the places that are shown: all of them, or those at both ends if the array is summarised.
pub fn shown_indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let summarised = is_summarised(shape);
    shape
        .iter()
        .map(|&length| match summarised && length > 2 * EDGE_ITEMS {
            true => (0..EDGE_ITEMS).chain(length - EDGE_ITEMS..length).collect(),
            // Only an empty array has a long axis here that is shown whole, and of that nothing is shown.
            false if !summarised && length > THRESHOLD => Vec::new(),
            false => (0..length).collect(),
        })
        .collect()
}

/// Shows an array of this shape as NumPy's `str` does; a shape of no axes is a scalar.
///
/// # Errors
/// [`WrongCount`] unless there is one value for each combination of [`shown_indices`].
pub fn format_array(shape: &[usize], values: Values<'_>) -> Result<String, WrongCount> {
    let summarised = is_summarised(shape);
    let is_empty = shape.contains(&0);
    let expected = match is_empty {
        true => 0,
        false => shape
            .iter()
            .map(|&length| if summarised { length.min(2 * EDGE_ITEMS) } else { length })
            .fold(1_usize, usize::saturating_mul),
    };
    if values.len() != expected {
        return Err(WrongCount { shape: shape.to_vec(), expected, given: values.len() });
    }
    if is_empty {
        return Ok("[]".to_owned());
    }
    if shape.is_empty() {
        return Ok(scalar(values));
    }

    let word = formatter(values);
    let mut layout = Layout { shape, summarised, word: &*word, next: 0, text: String::new() };
    layout.axis(0);
    Ok(layout.text)
}

fn is_summarised(shape: &[usize]) -> bool {
    !shape.contains(&0) && shape.iter().fold(1_usize, |size, &length| size.saturating_mul(length)) > THRESHOLD
}

/// Brackets, line breaks and blank lines around the words for the values.
struct Layout<'a> {
    shape: &'a [usize],
    summarised: bool,
    /// The text for the value at a place of the slice of values.
    word: &'a dyn Fn(usize) -> String,
    /// The value to show next.
    next: usize,
    text: String,
}

impl Layout<'_> {
    /// Shows everything along `axis` and the axes after it.
    fn axis(&mut self, axis: usize) {
        let length = self.shape[axis];
        let dots = self.summarised && length > 2 * EDGE_ITEMS;
        self.text.push('[');
        if axis + 1 == self.shape.len() {
            self.row(axis, length, dots);
        } else {
            let line_break = "\n".repeat(self.shape.len() - axis - 1) + &" ".repeat(axis + 1);
            let shown = if dots { 2 * EDGE_ITEMS } else { length };
            for place in 0..shown {
                if dots && place == EDGE_ITEMS {
                    self.text.push_str("...");
                    self.text.push_str(&line_break);
                }
                self.axis(axis + 1);
                if place + 1 < shown {
                    self.text.push_str(&line_break);
                }
            }
        }
        self.text.push(']');
    }

    /// The words of the last axis, broken into lines.
    fn row(&mut self, axis: usize, length: usize, dots: bool) {
        // Each bracket still open takes one column at the end, and one at the beginning.
        let width = LINE_WIDTH.saturating_sub(axis + 1);
        let indent = " ".repeat(axis + 1);
        let mut line = indent.clone();
        let mut lines: Vec<String> = Vec::new();
        let mut add = |word: &str, last: bool| {
            if line.len() + word.len() > width && line.len() > indent.len() {
                lines.push(line.trim_end().to_owned());
                line.clone_from(&indent);
            }
            line.push_str(word);
            if !last {
                line.push(' ');
            }
        };
        let shown = if dots { 2 * EDGE_ITEMS } else { length };
        for place in 0..shown {
            if dots && place == EDGE_ITEMS {
                add("...", false);
            }
            add(&(self.word)(self.next), place + 1 == shown);
            self.next += 1;
        }
        lines.push(line);
        self.text.push_str(&lines.join("\n")[indent.len()..]);
    }
}

/// The function that gives the word for the value at a place, fitted to all values.
fn formatter<'a>(values: Values<'a>) -> Box<dyn Fn(usize) -> String + 'a> {
    match values {
        Values::Bool(values) => Box::new(|place| if values[place] { " True" } else { "False" }.to_owned()),
        Values::Int(values) => integers(values),
        Values::Uint(values) => integers(values),
        Values::Float32(values) => floats(values),
        Values::Float64(values) => floats(values),
        Values::Complex64(values) => complexes(values),
        Values::Complex128(values) => complexes(values),
    }
}

fn integers<T: Ord + ToString>(values: &[T]) -> Box<dyn Fn(usize) -> String + '_> {
    let ends = [values.iter().min(), values.iter().max()];
    let width = ends.into_iter().flatten().map(|value| value.to_string().len()).max().unwrap_or(0);
    Box::new(move |place| format!("{:>width$}", values[place].to_string()))
}

fn floats<T: Float>(values: &[T]) -> Box<dyn Fn(usize) -> String + '_> {
    let format = FloatFormat::fit(values, false);
    Box::new(move |place| format.word(values[place]))
}

fn complexes<T: Float>(values: &[Complex<T>]) -> Box<dyn Fn(usize) -> String + '_> {
    let real = FloatFormat::fit(&values.iter().map(|value| value.re).collect::<Vec<_>>(), false);
    let imaginary = FloatFormat::fit(&values.iter().map(|value| value.im).collect::<Vec<_>>(), true);
    Box::new(move |place| {
        let mut word = imaginary.word(values[place].im);
        word.insert(word.trim_end().len(), 'j');
        real.word(values[place].re) + &word
    })
}

/// How the floating-point numbers of one array are written, so that their points stand in one column.
#[derive(Debug)]
struct FloatFormat {
    /// `1.5e+10` rather than `1.5`.
    exponential: bool,
    /// Positive numbers get a `+`.
    plus: bool,
    /// The columns before the point, sign included.
    left: usize,
    /// The columns after the point; in the exponential form up to the end of the exponent.
    right: usize,
    /// Exponential form: the digits after the point.
    digits: usize,
    /// Exponential form: the digits of the exponent.
    exponent_digits: usize,
}

impl FloatFormat {
    fn fit<T: Float>(values: &[T], plus: bool) -> FloatFormat {
        let mut format =
            FloatFormat { exponential: false, plus, left: 0, right: 0, digits: 0, exponent_digits: 0 };
        let finite: Vec<T> = values.iter().copied().filter(|value| value.is_finite()).collect();
        format.exponential = T::want_exponents(&finite);

        for &value in &finite {
            let before_point;
            if format.exponential {
                let parts = Scientific::shortest(value, PRECISION);
                before_point = format.signed(value, &parts.leading).len();
                format.digits = format.digits.max(parts.fraction.len());
                format.exponent_digits = format.exponent_digits.max(parts.exponent_text(2).len() - 1);
            } else {
                let (whole, fraction) = positional(value, PRECISION);
                before_point = format.signed(value, &whole).len();
                format.right = format.right.max(fraction.len());
            }
            format.left = format.left.max(before_point);
        }
        if format.exponential {
            format.right = format.digits + 2 + format.exponent_digits;
        }
        if finite.len() < values.len() {
            let minus_infinity = values.iter().any(|value| value.is_infinite() && value.is_negative());
            // As in NumPy, a `-inf` makes room for its sign even if only a `nan` needs the width.
            let infinity = 3 + usize::from(plus || minus_infinity);
            format.left = format.left.max(infinity.saturating_sub(format.right + 1));
        }
        format
    }

    fn word<T: Float>(&self, value: T) -> String {
        let width = self.left + self.right + 1;
        if !value.is_finite() {
            let word = match (value.is_infinite(), value.is_negative()) {
                (true, true) => "-inf".to_owned(),
                (true, false) => self.signed(value, "inf"),
                (false, _) => if self.plus { "+nan" } else { "nan" }.to_owned(),
            };
            return format!("{word:>width$}");
        }
        let left = self.left;
        if self.exponential {
            let parts = Scientific::rounded(value, self.digits);
            let whole = self.signed(value, &parts.leading);
            return format!(
                "{whole:>left$}.{}e{}",
                parts.fraction,
                parts.exponent_text(self.exponent_digits)
            );
        }
        let right = self.right;
        let (whole, fraction) = positional(value, PRECISION);
        format!("{:>left$}.{fraction:<right$}", self.signed(value, &whole))
    }

    /// The digits with the sign of the value before them.
    fn signed<T: Float>(&self, value: T, digits: &str) -> String {
        let sign = match (value.is_negative(), self.plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        format!("{sign}{digits}")
    }
}

/// The digits of the magnitude before and after the point: as few as tell the value from its neighbours, and at most
/// `precision` after the point, without zeros at the end.
fn positional<T: Float>(value: T, precision: usize) -> (String, String) {
    let shortest = value.magnitude_text();
    let text = match shortest.split_once('.') {
        Some((_, fraction)) if fraction.len() > precision => value.rounded_text(precision),
        _ => shortest,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (whole.to_owned(), fraction.trim_end_matches('0').to_owned())
}

/// The magnitude of a number in the exponential form.
struct Scientific {
    leading: String,
    fraction: String,
    exponent: i32,
}

impl Scientific {
    /// As few digits as tell the value from its neighbours, and at most `precision` after the point.
    fn shortest<T: Float>(value: T, precision: usize) -> Scientific {
        let mut parts = Scientific::split(&value.scientific_text(None));
        if parts.fraction.len() > precision {
            parts = Scientific::rounded(value, precision);
        }
        parts.fraction.truncate(parts.fraction.trim_end_matches('0').len());
        parts
    }

    /// Exactly so many digits after the point.
    fn rounded<T: Float>(value: T, digits: usize) -> Scientific {
        Scientific::split(&value.scientific_text(Some(digits)))
    }

    fn split(text: &str) -> Scientific {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (leading, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent = exponent.parse().expect("the standard library writes a small integer after the e");
        Scientific { leading: leading.to_owned(), fraction: fraction.to_owned(), exponent }
    }

    /// The exponent with its sign and at least so many digits.
    fn exponent_text(&self, digits: usize) -> String {
        let sign = if self.exponent < 0 { '-' } else { '+' };
        format!("{sign}{:0digits$}", self.exponent.unsigned_abs())
    }
}

/// A value by itself.
fn scalar(values: Values<'_>) -> String {
    match values {
        Values::Bool(values) => if values[0] { "True" } else { "False" }.to_owned(),
        Values::Int(values) => values[0].to_string(),
        Values::Uint(values) => values[0].to_string(),
        Values::Float32(values) => scalar_float(values[0], ".0"),
        Values::Float64(values) => scalar_float(values[0], ".0"),
        Values::Complex64(values) => scalar_complex(values[0]),
        Values::Complex128(values) => scalar_complex(values[0]),
    }
}

/// The shortest text that reads back as the same number; `whole_end` follows a whole number.
fn scalar_float<T: Float>(value: T, whole_end: &str) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let sign = if value.is_negative() { "-" } else { "" };
    if !value.is_finite() {
        return format!("{sign}inf");
    }
    if value.is_plain_scalar() {
        let text = value.magnitude_text();
        let end = if text.contains('.') { "" } else { whole_end };
        return format!("{sign}{text}{end}");
    }
    let parts = Scientific::split(&value.scientific_text(None));
    let point = if parts.fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{}e{}", parts.leading, parts.fraction, parts.exponent_text(2))
}

fn scalar_complex<T: Float>(value: Complex<T>) -> String {
    let imaginary = scalar_float(value.im, "");
    if value.re.is_zero() && !value.re.is_negative() {
        return format!("{imaginary}j");
    }
    let plus = if imaginary.starts_with('-') { "" } else { "+" };
    format!("({}{plus}{imaginary}j)", scalar_float(value.re, ""))
}

/// What the two widths of floating-point number have in common.
trait Float: Copy {
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
    fn is_infinite(self) -> bool;
    fn is_zero(self) -> bool;
    fn is_negative(self) -> bool;
    /// Whether the finite values of an array need the exponential form.
    fn want_exponents(finite: &[Self]) -> bool;
    /// Whether the value by itself is written without exponent.
    fn is_plain_scalar(self) -> bool;
    /// The magnitude with the fewest digits, without exponent.
    fn magnitude_text(self) -> String;
    /// The magnitude with so many digits after the point.
    fn rounded_text(self, digits: usize) -> String;
    /// The magnitude in exponential form with the fewest digits, or so many after the point.
    fn scientific_text(self, digits: Option<usize>) -> String;
    /// Of two texts of one length that both may stand for the value, the one that NumPy takes: half way between
    /// two last digits it takes the even one, as `rounded` does, while the standard library's shortest text has the
    /// greater one. Next to a power of two the rounded text may be another number's.
    fn even_if_equal(self, shortest: String, rounded: String) -> String;
}

macro_rules! impl_float {
    ($float:ident, $largest_plain:literal, $largest_plain_scalar:literal) => {
        impl Float for $float {
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }
            fn is_infinite(self) -> bool {
                $float::is_infinite(self)
            }
            fn is_zero(self) -> bool {
                self == 0.0
            }
            fn is_negative(self) -> bool {
                self.is_sign_negative()
            }
            fn want_exponents(finite: &[$float]) -> bool {
                let magnitudes = || finite.iter().map(|value| value.abs()).filter(|value| *value > 0.0);
                let largest = magnitudes().fold(0.0, $float::max);
                let smallest = magnitudes().fold($float::INFINITY, $float::min);
                largest > 0.0
                    && (largest >= $largest_plain || smallest < 0.0001 || largest / smallest > 1000.0)
            }
            fn is_plain_scalar(self) -> bool {
                // The limits are those of 64 bits: 1e-4 of 32 bits lies below.
                self == 0.0 || (1e-4..$largest_plain_scalar).contains(&f64::from(self.abs()))
            }
            fn magnitude_text(self) -> String {
                let shortest = format!("{}", self.abs());
                let digits = shortest.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                self.even_if_equal(shortest, self.rounded_text(digits))
            }
            fn rounded_text(self, digits: usize) -> String {
                format!("{:.digits$}", self.abs())
            }
            fn scientific_text(self, digits: Option<usize>) -> String {
                match digits {
                    Some(digits) => format!("{:.digits$e}", self.abs()),
                    None => {
                        let shortest = format!("{:e}", self.abs());
                        let digits = Scientific::split(&shortest).fraction.len();
                        self.even_if_equal(shortest, self.scientific_text(Some(digits)))
                    }
                }
            }
            fn even_if_equal(self, shortest: String, rounded: String) -> String {
                if rounded.parse() == Ok(self.abs()) { rounded } else { shortest }
            }
        }
    };
}

// Arrays turn to exponents from the first number on, scalars from the second on.
impl_float!(f32, 1e6, 1e6);
impl_float!(f64, 1e8, 1e16);

#[cfg(test)]
#[path = "numpy_format_tests.rs"]
mod tests;
