//! Round numbers to put at axes and colour bars.

/// Powers of ten from here on are written once, beside the axis, rather than at every tick.
const LARGE_EXPONENT: i32 = 5;
/// The same for small numbers.
const SMALL_EXPONENT: i32 = -4;
/// Where ticks differ only behind so many digits, what they have in common is written once, beside the axis.
const MOST_DIGITS: f64 = 1e5;

/// Round numbers between two ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ticks {
    /// Where the numbers lie, from 0 (the lower end) to 1 (the upper end).
    pub places: Vec<f64>,
    /// The numbers.
    pub labels: Vec<String>,
    /// By what all labels are to be multiplied, and what is to be added: `×10³⁰`. Mostly empty.
    pub scale: String,
}

/// At most `most` (two at least) round numbers between two finite ends; whole ones if `is_whole`.
pub(crate) fn value_ticks(low: f64, high: f64, most: usize, is_whole: bool) -> Ticks {
    debug_assert!(low < high && low.is_finite() && high.is_finite());
    let exponent = exponent_of(low.abs().max(high.abs()));
    let exponent = if (SMALL_EXPONENT + 1..LARGE_EXPONENT).contains(&exponent) { 0 } else { exponent };
    let (from, to) = (shifted(low, -exponent), shifted(high, -exponent));
    let span = to - from;
    if span <= 0.0 {
        // The ends differ by less than can be told from them.
        return Ticks { places: vec![0.0], labels: vec![plain(low)], scale: String::new() };
    }
    if from.abs().max(to.abs()) > MOST_DIGITS * span && span > 0.0 {
        return beside_a_common_part(low, high, most, is_whole);
    }
    let least = if is_whole && exponent == 0 { 1.0 } else { 0.0 };
    let (step, decimals) = round_step(from, to, most.max(2), least);
    let numbers = multiples(from, to, step).map(|i| i as f64 * step);
    let scale = if exponent == 0 { String::new() } else { format!("×10{}", superscript(exponent)) };
    let (places, labels) =
        numbers.map(|number| (((number - from) / span).clamp(0.0, 1.0), fixed(number, decimals))).unzip();
    Ticks { places, labels, scale }
}

/// Ticks of ends that are nearly the same: differences from a number that both have in common.
fn beside_a_common_part(low: f64, high: f64, most: usize, is_whole: bool) -> Ticks {
    let grid = 10f64.powi(exponent_of(high - low) + 1);
    let common = (low / grid).floor() * grid;
    let (from, to) = (low - common, high - common);
    if !(common.is_finite() && from < to) || from.abs().max(to.abs()) > MOST_DIGITS * (to - from) {
        return Ticks { places: vec![0.0, 1.0], labels: vec![plain(low), plain(high)], scale: String::new() };
    }
    let mut ticks = value_ticks(from, to, most, is_whole);
    let sign = if common < 0.0 { MINUS } else { "+" };
    let separator = if ticks.scale.is_empty() { "" } else { " " };
    ticks.scale = format!("{}{separator}{sign} {}", ticks.scale, plain(common.abs()));
    ticks
}

/// The indices of an axis of `length` elements at which ticks stand: a round step, and no more than `most` of them.
pub(crate) fn index_ticks(length: usize, most: usize) -> Vec<usize> {
    let most = most.max(1);
    let mut step = 1usize;
    for factor in [2, 5, 2].into_iter().cycle() {
        if length.div_ceil(step) <= most {
            break;
        }
        // 1, 2, 5, 10, 20, 50…
        step = if factor == 5 { step / 2 * 5 } else { step.saturating_mul(2) };
    }
    (0..length).step_by(step).collect()
}

/// The power of ten of a number's first digit; 0 for 0.
fn exponent_of(number: f64) -> i32 {
    if number == 0.0 {
        return 0;
    }
    // The scientific form has it exactly, where a logarithm may be off by one.
    let text = format!("{number:e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// A number times a power of ten; in two steps, since 10³²⁰ is none.
fn shifted(number: f64, exponent: i32) -> f64 {
    if exponent == 0 {
        return number;
    }
    let half = exponent / 2;
    let scale = |number: f64, exponent: i32| {
        // Dividing by a power of ten is exact where multiplying by its inverse is not.
        if exponent < 0 { number / 10f64.powi(-exponent) } else { number * 10f64.powi(exponent) }
    };
    scale(scale(number, half), exponent - half)
}

/// The smallest of 1, 2 or 5 times a power of ten that has no more than `most` multiples between two numbers, and the
/// decimals that it needs.
fn round_step(from: f64, to: f64, most: usize, least: f64) -> (f64, usize) {
    let first = exponent_of(((to - from) / most as f64).max(least));
    let steps = (first..)
        .flat_map(|exponent| [1.0, 2.0, 5.0].map(|factor| (factor * shifted(1.0, exponent), exponent)));
    let fitting = |&(step, _): &(f64, i32)| step >= least && multiples(from, to, step).count() <= most;
    let (step, exponent) =
        steps.into_iter().find(fitting).expect("a step longer than the span has one multiple");
    (step, usize::try_from(-exponent).unwrap_or(0))
}

/// Which multiples of a step lie between two numbers.
fn multiples(from: f64, to: f64, step: f64) -> std::ops::RangeInclusive<i64> {
    (from / step - 1e-9).ceil() as i64..=(to / step + 1e-9).floor() as i64
}

/// A number with so many decimals and a real minus sign.
fn fixed(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", number.abs());
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if number < 0.0 && !is_zero { format!("{MINUS}{text}") } else { text }
}

/// A number in few digits, as people write it.
pub(crate) fn plain(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "∞".into() } else { format!("{MINUS}∞") };
    }
    let exponent = exponent_of(number);
    let sign = if number < 0.0 { MINUS } else { "" };
    let number = number.abs();
    if (SMALL_EXPONENT..=14).contains(&exponent) {
        return format!("{sign}{}", number);
    }
    let mantissa = format!("{number:e}");
    let mantissa = mantissa.split_once('e').map_or(mantissa.as_str(), |(mantissa, _)| mantissa);
    match mantissa {
        "1" => format!("{sign}10{}", superscript(exponent)),
        mantissa => format!("{sign}{mantissa}×10{}", superscript(exponent)),
    }
}

/// A number in four digits.
pub(crate) fn short(number: f64) -> String {
    if !number.is_finite() {
        return plain(number);
    }
    let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(number);
    plain(rounded)
}

/// The sign that is as wide as a plus.
pub(crate) const MINUS: &str = "\u{2212}";

fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    exponent.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, most: usize) -> (Vec<String>, String) {
        let ticks = value_ticks(low, high, most, false);
        assert_eq!(ticks.places.len(), ticks.labels.len());
        assert!(ticks.places.is_sorted() && ticks.places.iter().all(|place| (0.0..=1.0).contains(place)));
        (ticks.labels, ticks.scale)
    }

    #[test]
    fn ticks_are_round() {
        let check = |low, high, most, expected: &[&str], scale: &str| {
            assert_eq!(
                labels(low, high, most),
                (expected.iter().map(|&l| l.to_owned()).collect(), scale.to_owned())
            );
        };
        check(0.0, 1.0, 6, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], "");
        check(-3.7, 4.1, 6, &["−2", "0", "2", "4"], "");
        check(-9.9, 9.9, 3, &["−5", "0", "5"], "");
        check(0.0, 9999.0, 6, &["0", "2000", "4000", "6000", "8000"], "");
        check(1e30, 3e30, 5, &["1.0", "1.5", "2.0", "2.5", "3.0"], "×10³⁰");
        check(-2e-12, 2e-12, 5, &["−2", "−1", "0", "1", "2"], "×10⁻¹²");
        check(230.5, 310.0, 6, &["240", "260", "280", "300"], "");
        check(0.0012, 0.0031, 4, &["0.0015", "0.0020", "0.0025", "0.0030"], "");
    }

    #[test]
    fn what_ticks_have_in_common_stands_beside_them() {
        let (labels, scale) = labels(1e6, 1e6 + 1.0, 6);
        assert_eq!(labels, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(scale, "+ 1000000");
    }

    #[test]
    fn ends_at_the_limits_of_numbers_have_ticks() {
        for (low, high) in [
            (f64::MIN, f64::MAX),
            (0.0, f64::from_bits(1)),
            (1.0, 1.0 + f64::EPSILON),
            (-1e-310, 1e-310),
            (1e300, 1.0000000000001e300),
            (0.0, f64::MIN_POSITIVE),
        ] {
            let (labels, _) = labels(low, high, 6);
            assert!((1..=7).contains(&labels.len()), "{low} to {high}: {labels:?}");
        }
    }

    #[test]
    fn whole_numbers_have_whole_ticks() {
        assert_eq!(value_ticks(0.0, 3.0, 8, true).labels, ["0", "1", "2", "3"]);
        assert_eq!(value_ticks(0.0, 3.0, 8, false).labels.len(), 7);
    }

    #[test]
    fn indices_step_by_round_numbers() {
        assert_eq!(index_ticks(5, 10), [0, 1, 2, 3, 4]);
        assert_eq!(index_ticks(1440, 8), [0, 200, 400, 600, 800, 1000, 1200, 1400]);
        assert_eq!(index_ticks(100, 4), [0, 50]);
        assert_eq!(index_ticks(1, 5), [0]);
        assert_eq!(index_ticks(usize::MAX, 3).len(), 2);
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (number, text) in [
            (0.0, "0"),
            (-2.5, "−2.5"),
            (1e30, "10³⁰"),
            (-3.25e-12, "−3.25×10⁻¹²"),
            (f64::NEG_INFINITY, "−∞"),
        ] {
            assert_eq!(plain(number), text);
        }
        assert_eq!(short(1.0 / 3.0), "0.3333");
        assert_eq!(short(123456.0), "123500");
    }
}
