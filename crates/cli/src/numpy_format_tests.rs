//! Tests of the text of arrays. The expected texts are those of NumPy 2.4's `str`.

use super::*;

fn c<T>(re: T, im: T) -> Complex<T> {
    Complex::new(re, im)
}

fn check(shape: &[usize], values: Values<'_>, expected: &str) {
    assert_eq!(format_array(shape, values).unwrap(), expected, "{shape:?} {values:?}");
}

/// `f` of each flat place that is shown of an array of this shape.
fn shown<T>(shape: &[usize], f: impl Fn(usize) -> T) -> Vec<T> {
    let mut places = vec![0];
    for (indices, length) in shown_indices(shape).iter().zip(shape) {
        places =
            places.iter().flat_map(|place| indices.iter().map(move |index| place * length + index)).collect();
    }
    places.into_iter().map(f).collect()
}

#[test]
fn floats_share_their_points() {
    check(&[3], Values::Float64(&[1.0, 2.0, 3.0]), "[1. 2. 3.]");
    check(&[3], Values::Float64(&[1.5, 2.25, -10.0]), "[  1.5    2.25 -10.  ]");
    check(
        &[3],
        Values::Float64(&[0.1, 0.3333333333333333, 0.6666666666666666]),
        "[0.1        0.33333333 0.66666667]",
    );
    check(&[2], Values::Float64(&[0.0, -0.0]), "[ 0. -0.]");
    check(&[2], Values::Float64(&[1234.5, 2.0]), "[1234.5    2. ]");
    check(&[2], Values::Float64(&[1000.0, 1.0]), "[1000.    1.]");
    check(&[2], Values::Float64(&[99999999.0, 100000.25]), "[99999999.     100000.25]");
    check(&[2, 2], Values::Float64(&[1.0, f64::NAN, -2.5, 4.0]), "[[ 1.   nan]\n [-2.5  4. ]]");
    check(&[3], Values::Float64(&[1.0, f64::NAN, f64::INFINITY]), "[ 1. nan inf]");
    check(&[2], Values::Float64(&[1.0, -f64::INFINITY]), "[  1. -inf]");
    check(&[2], Values::Float64(&[f64::NAN, f64::NAN]), "[nan nan]");
    check(&[2], Values::Float64(&[f64::NAN, -f64::INFINITY]), "[ nan -inf]");
    check(&[1], Values::Float64(&[0.30000000000000004]), "[0.3]");
    check(&[2], Values::Float64(&[0.2500000025, 1.0]), "[0.25 1.  ]");
    check(&[2], Values::Float64(&[0.123456785, 1.0]), "[0.12345678 1.        ]");
}

#[test]
fn exponents_where_the_range_is_wide() {
    check(&[2], Values::Float64(&[100000000.0, 1.0]), "[1.e+08 1.e+00]");
    check(&[2], Values::Float64(&[1e-05, 1.0]), "[1.e-05 1.e+00]");
    check(&[2], Values::Float64(&[1001.0, 1.0]), "[1.001e+03 1.000e+00]");
    check(&[2], Values::Float64(&[1.5e-07, -2.5e300]), "[ 1.5e-007 -2.5e+300]");
    check(&[3], Values::Float64(&[10000000000.0, f64::NAN, -f64::INFINITY]), "[1.e+10    nan   -inf]");
    check(
        &[2],
        Values::Float64(&[0.3333333333333333, 33333.333333333336]),
        "[3.33333333e-01 3.33333333e+04]",
    );
    check(&[2], Values::Float64(&[1e-310, 5e-324]), "[1.e-310 5.e-324]");
    check(&[1], Values::Float64(&[1.7976931348623157e308]), "[1.79769313e+308]");
}

#[test]
fn narrow_floats_have_fewer_digits() {
    check(&[3], Values::Float32(&[0.1, 0.2, 0.33333334]), "[0.1        0.2        0.33333334]");
    check(&[2], Values::Float32(&[1.0e06, 1.0]), "[1.e+06 1.e+00]");
    check(&[2], Values::Float32(&[999999.0, 1000.0]), "[999999.   1000.]");
    check(&[2], Values::Float32(&[496892.62, 827890.75]), "[496892.62 827890.75]");
    check(&[2], Values::Float32(&[1.0e-10, 3.0e38]), "[1.e-10 3.e+38]");
    check(&[2], Values::Float32(&[0.1, 1.0e-05]), "[1.e-01 1.e-05]");
    check(&[1], Values::Float32(&[1.6777216e07]), "[1.6777216e+07]");
}

#[test]
fn integers_and_truth_values_stand_to_the_right() {
    check(&[3], Values::Int(&[1, -10, 100]), "[  1 -10 100]");
    check(&[2, 2], Values::Int(&[1, 2, 300, 4]), "[[  1   2]\n [300   4]]");
    check(
        &[2],
        Values::Int(&[-9223372036854775808, 9223372036854775807]),
        "[-9223372036854775808  9223372036854775807]",
    );
    check(&[2], Values::Uint(&[18446744073709551615, 0]), "[18446744073709551615                    0]");
    check(&[2], Values::Bool(&[true, false]), "[ True False]");
    check(&[2, 1], Values::Bool(&[true, true]), "[[ True]\n [ True]]");
}

#[test]
fn complex_numbers_align_both_parts() {
    check(&[2], Values::Complex128(&[c(1.0, 2.0), c(-3.5, -0.25)]), "[ 1. +2.j   -3.5-0.25j]");
    check(&[2], Values::Complex128(&[c(1.0, 0.0), c(0.0, -0.0)]), "[1.+0.j 0.-0.j]");
    check(&[2], Values::Complex128(&[c(f64::NAN, f64::INFINITY), c(0.0, 1.0)]), "[nan+infj  0. +1.j]");
    check(
        &[2],
        Values::Complex128(&[c(10000000000.0, 1.0), c(0.0, 1e-05)]),
        "[1.e+10+1.e+00j 0.e+00+1.e-05j]",
    );
    check(&[2], Values::Complex64(&[c(1.5, 0.1), c(2.0, 0.0)]), "[1.5+0.1j 2. +0.j ]");
}

#[test]
fn scalars_are_as_short_as_can_be() {
    check(&[], Values::Float64(&[1.0]), "1.0");
    check(&[], Values::Float64(&[0.1]), "0.1");
    check(&[], Values::Float64(&[1e16]), "1e+16");
    check(&[], Values::Float64(&[1000000000000000.0]), "1000000000000000.0");
    check(&[], Values::Float64(&[0.0001]), "0.0001");
    check(&[], Values::Float64(&[1e-05]), "1e-05");
    check(&[], Values::Float64(&[1.5e-06]), "1.5e-06");
    check(&[], Values::Float64(&[-0.0]), "-0.0");
    check(&[], Values::Float64(&[f64::NAN]), "nan");
    check(&[], Values::Float64(&[-f64::INFINITY]), "-inf");
    check(&[], Values::Float64(&[1e22]), "1e+22");
    check(&[], Values::Float64(&[123456789.123]), "123456789.123");
    check(&[], Values::Float32(&[0.1]), "0.1");
    check(&[], Values::Float32(&[1e-4]), "1e-04");
    check(&[], Values::Float32(&[1.0e06]), "1e+06");
    check(&[], Values::Float32(&[999999.0]), "999999.0");
    check(&[], Values::Float32(&[1.6777216e07]), "1.6777216e+07");
    check(&[], Values::Float32(&[1.0e-05]), "1e-05");
    check(&[], Values::Bool(&[true]), "True");
    check(&[], Values::Int(&[-5]), "-5");
    check(&[], Values::Uint(&[18446744073709551615]), "18446744073709551615");
    check(&[], Values::Complex128(&[c(1.0, 2.0)]), "(1+2j)");
    check(&[], Values::Complex128(&[c(0.0, 2.0)]), "2j");
    check(&[], Values::Complex128(&[c(-0.0, 2.0)]), "(-0+2j)");
    check(&[], Values::Complex128(&[c(f64::NAN, -f64::INFINITY)]), "(nan-infj)");
    check(&[], Values::Complex64(&[c(1.5, -0.1)]), "(1.5-0.1j)");
    check(&[], Values::Complex128(&[c(1e20, 1e-07)]), "(1e+20+1e-07j)");
}

#[test]
fn axes_nest_in_brackets_and_blank_lines() {
    check(&[2, 2, 2], Values::Int(&[0, 1, 2, 3, 4, 5, 6, 7]), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
    check(&[1, 2, 1, 2], Values::Int(&[0, 1, 2, 3]), "[[[[0 1]]\n\n  [[2 3]]]]");
    check(&[3, 1], Values::Int(&[0, 1, 2]), "[[0]\n [1]\n [2]]");
    check(&[1, 1, 1], Values::Float64(&[1.0]), "[[[1.]]]");
    check(&[2, 1, 1, 1], Values::Float64(&[0.0, 0.0]), "[[[[0.]]]\n\n\n [[[0.]]]]");
}

#[test]
fn long_rows_break() {
    check(
        &[30],
        Values::Int(&[
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
            27, 28, 29,
        ]),
        "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]",
    );
    check(
        &[20],
        Values::Float64(&[
            0.0,
            0.14285714285714285,
            0.2857142857142857,
            0.42857142857142855,
            0.5714285714285714,
            0.7142857142857143,
            0.8571428571428571,
            1.0,
            1.1428571428571428,
            1.2857142857142858,
            1.4285714285714286,
            1.5714285714285714,
            1.7142857142857142,
            1.8571428571428572,
            2.0,
            2.142857142857143,
            2.2857142857142856,
            2.4285714285714284,
            2.5714285714285716,
            2.7142857142857144,
        ]),
        "[0.         0.14285714 0.28571429 0.42857143 0.57142857 0.71428571\n 0.85714286 1.         1.14285714 1.28571429 1.42857143 1.57142857\n 1.71428571 1.85714286 2.         2.14285714 2.28571429 2.42857143\n 2.57142857 2.71428571]",
    );
    check(
        &[24],
        Values::Float64(&[
            0.0,
            1000000000.0,
            2000000000.0,
            3000000000.0,
            4000000000.0,
            5000000000.0,
            6000000000.0,
            7000000000.0,
            8000000000.0,
            9000000000.0,
            10000000000.0,
            11000000000.0,
            12000000000.0,
            13000000000.0,
            14000000000.0,
            15000000000.0,
            16000000000.0,
            17000000000.0,
            18000000000.0,
            19000000000.0,
            20000000000.0,
            21000000000.0,
            22000000000.0,
            23000000000.0,
        ]),
        "[0.0e+00 1.0e+09 2.0e+09 3.0e+09 4.0e+09 5.0e+09 6.0e+09 7.0e+09 8.0e+09\n 9.0e+09 1.0e+10 1.1e+10 1.2e+10 1.3e+10 1.4e+10 1.5e+10 1.6e+10 1.7e+10\n 1.8e+10 1.9e+10 2.0e+10 2.1e+10 2.2e+10 2.3e+10]",
    );
    check(
        &[2, 30],
        Values::Int(&[
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
            27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
            51, 52, 53, 54, 55, 56, 57, 58, 59,
        ]),
        "[[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n  24 25 26 27 28 29]\n [30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53\n  54 55 56 57 58 59]]",
    );
    check(
        &[8],
        Values::Complex128(&[
            c(0.0, 0.0),
            c(0.3333333333333333, 0.3333333333333333),
            c(0.6666666666666666, 0.6666666666666666),
            c(1.0, 1.0),
            c(1.3333333333333333, 1.3333333333333333),
            c(1.6666666666666665, 1.6666666666666665),
            c(2.0, 2.0),
            c(2.333333333333333, 2.333333333333333),
        ]),
        "[0.        +0.j         0.33333333+0.33333333j 0.66666667+0.66666667j\n 1.        +1.j         1.33333333+1.33333333j 1.66666667+1.66666667j\n 2.        +2.j         2.33333333+2.33333333j]",
    );
    check(
        &[1, 1, 12],
        Values::Int(&[
            10000000000000000,
            10000000000000001,
            10000000000000002,
            10000000000000003,
            10000000000000004,
            10000000000000005,
            10000000000000006,
            10000000000000007,
            10000000000000008,
            10000000000000009,
            10000000000000010,
            10000000000000011,
        ]),
        "[[[10000000000000000 10000000000000001 10000000000000002\n   10000000000000003 10000000000000004 10000000000000005\n   10000000000000006 10000000000000007 10000000000000008\n   10000000000000009 10000000000000010 10000000000000011]]]",
    );
}

#[test]
fn empty_arrays_are_two_brackets() {
    check(&[0], Values::Float64(&[]), "[]");
    check(&[0, 3], Values::Float64(&[]), "[]");
    check(&[2, 0, 4], Values::Bool(&[]), "[]");
}
#[test]
fn large_arrays_show_their_ends() {
    let check = |shape: &[usize], expected: &str| {
        let values = shown(shape, |place| place as i64);
        super::tests::check(shape, Values::Int(&values), expected);
    };
    check(&[1001], "[   0    1    2 ...  998  999 1000]");
    check(
        &[20000, 2],
        "[[    0     1]\n [    2     3]\n [    4     5]\n ...\n [39994 39995]\n [39996 39997]\n [39998 39999]]",
    );
    check(
        &[40, 40],
        "[[   0    1    2 ...   37   38   39]\n [  40   41   42 ...   77   78   79]\n [  80   81   82 ...  117  118  119]\n ...\n [1480 1481 1482 ... 1517 1518 1519]\n [1520 1521 1522 ... 1557 1558 1559]\n [1560 1561 1562 ... 1597 1598 1599]]",
    );
    check(
        &[8, 2, 100],
        "[[[   0    1    2 ...   97   98   99]\n  [ 100  101  102 ...  197  198  199]]\n\n [[ 200  201  202 ...  297  298  299]\n  [ 300  301  302 ...  397  398  399]]\n\n [[ 400  401  402 ...  497  498  499]\n  [ 500  501  502 ...  597  598  599]]\n\n ...\n\n [[1000 1001 1002 ... 1097 1098 1099]\n  [1100 1101 1102 ... 1197 1198 1199]]\n\n [[1200 1201 1202 ... 1297 1298 1299]\n  [1300 1301 1302 ... 1397 1398 1399]]\n\n [[1400 1401 1402 ... 1497 1498 1499]\n  [1500 1501 1502 ... 1597 1598 1599]]]",
    );
    let eighths = shown(&[2000], |place| place as f64 / 8.0);
    super::tests::check(
        &[2000],
        Values::Float64(&eighths),
        "[0.00000e+00 1.25000e-01 2.50000e-01 ... 2.49625e+02 2.49750e+02\n 2.49875e+02]",
    );
}

#[test]
fn only_the_ends_of_long_axes_are_asked_for() {
    assert_eq!(shown_indices(&[1001]), [[0, 1, 2, 998, 999, 1000]]);
    assert_eq!(shown_indices(&[6, 1000]), [[0, 1, 2, 3, 4, 5], [0, 1, 2, 997, 998, 999]]);
    assert_eq!(shown_indices(&[10, 100]), [(0..10).collect::<Vec<_>>(), (0..100).collect()]);
    assert_eq!(shown_indices(&[usize::MAX, usize::MAX])[1].len(), 6);
    assert_eq!(shown_indices(&[0, usize::MAX]), [Vec::<usize>::new(), Vec::new()]);
    assert!(shown_indices(&[]).is_empty());
}

#[test]
fn a_wrong_number_of_values_is_an_error() {
    let count = |shape: &[usize]| format_array(shape, Values::Int(&[1, 2])).map_err(|error| error.expected);
    assert_eq!(count(&[3]), Err(3));
    assert_eq!(count(&[]), Err(1));
    assert_eq!(count(&[0, 5]), Err(0));
    assert_eq!(count(&[2000, 2000]), Err(36));
    assert_eq!(count(&[usize::MAX]), Err(6));
    assert_eq!(count(&[1, 2]), Ok("[[1 2]]".to_owned()));
}
