//! Element types and NumPy 2's rules for combining them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The unit that a date or a duration counts in, as NumPy's `datetime64[unit]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TimeUnit {
    /// Days.
    Day,
    /// Hours.
    Hour,
    /// Minutes.
    Minute,
    /// Seconds.
    Second,
    /// 1e-3 s.
    Millisecond,
    /// 1e-6 s.
    Microsecond,
    /// 1e-9 s.
    Nanosecond,
}

/// The type of an array's elements. `U64`, `F32` and so on are NumPy's `uint64`, `float32` …
///
/// The last three are storage types: they can be read, sliced and written, and have no arithmetic yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// `int8`.
    I8,
    /// `int16`.
    I16,
    /// `int32`.
    I32,
    /// `int64`, NumPy's default integer.
    I64,
    /// `uint8`.
    U8,
    /// `uint16`.
    U16,
    /// `uint32`.
    U32,
    /// `uint64`.
    U64,
    /// `float32`.
    F32,
    /// `float64`, NumPy's default float.
    F64,
    /// `complex64`: two `float32`.
    C64,
    /// `complex128`: two `float64`.
    C128,
    /// `datetime64[unit]`: an `int64` count since 1970.
    DateTime(TimeUnit),
    /// `timedelta64[unit]`: an `int64` count.
    TimeDelta(TimeUnit),
    /// `S{n}`: a string of `n` bytes, padded with zeros.
    Bytes(u32),
}

/// What a dtype counts as when types are combined, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DTypeKind {
    /// Truth values.
    Bool,
    /// Unsigned integers.
    Unsigned,
    /// Signed integers.
    Signed,
    /// Real floating-point numbers.
    Float,
    /// Complex floating-point numbers.
    Complex,
    /// Dates, durations, strings: stored, not computed with.
    Storage,
}

impl DType {
    /// Every dtype that has arithmetic, in NumPy's order.
    pub const NUMERIC: [DType; 13] = [
        DType::Bool,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
    ];

    /// Bytes of one element.
    pub fn itemsize(self) -> usize {
        match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 | DType::C64 => 8,
            DType::DateTime(_) | DType::TimeDelta(_) => 8,
            DType::C128 => 16,
            DType::Bytes(n) => n as usize,
        }
    }

    /// What it counts as when types are combined.
    pub fn kind(self) -> DTypeKind {
        match self {
            DType::Bool => DTypeKind::Bool,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => DTypeKind::Signed,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => DTypeKind::Unsigned,
            DType::F32 | DType::F64 => DTypeKind::Float,
            DType::C64 | DType::C128 => DTypeKind::Complex,
            DType::DateTime(_) | DType::TimeDelta(_) | DType::Bytes(_) => DTypeKind::Storage,
        }
    }

    /// Signed, unsigned or bool.
    pub fn is_integer_or_bool(self) -> bool {
        matches!(self.kind(), DTypeKind::Bool | DTypeKind::Signed | DTypeKind::Unsigned)
    }

    /// Signed or unsigned.
    pub fn is_integer(self) -> bool {
        matches!(self.kind(), DTypeKind::Signed | DTypeKind::Unsigned)
    }

    /// Real floating point.
    pub fn is_float(self) -> bool {
        self.kind() == DTypeKind::Float
    }

    /// Complex floating point.
    pub fn is_complex(self) -> bool {
        self.kind() == DTypeKind::Complex
    }

    /// Can be computed with.
    pub fn is_numeric(self) -> bool {
        self.kind() != DTypeKind::Storage
    }

    /// The real dtype that a complex one is made of; itself for others.
    pub fn real(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            other => other,
        }
    }

    /// The complex dtype of the same precision: `complex64` for `float32`, `complex128` for the rest.
    pub fn complex(self) -> DType {
        match self {
            DType::F32 | DType::C64 => DType::C64,
            _ => DType::C128,
        }
    }

    /// NumPy's name: `float32`, `datetime64[s]`.
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The dtype of a name: NumPy's (`float32`, `int`, `bool`), its codes (`f4`, `<i8`, `?`).
    pub fn parse(name: &str) -> Option<DType> {
        let name = name.trim_start_matches(['<', '=', '|']);
        Some(match name {
            "bool" | "bool_" | "?" | "b1" => DType::Bool,
            "int8" | "i1" | "byte" => DType::I8,
            "int16" | "i2" | "short" => DType::I16,
            "int32" | "i4" | "intc" => DType::I32,
            "int64" | "i8" | "int" | "int_" | "intp" | "longlong" => DType::I64,
            "uint8" | "u1" | "ubyte" => DType::U8,
            "uint16" | "u2" | "ushort" => DType::U16,
            "uint32" | "u4" | "uintc" => DType::U32,
            "uint64" | "u8" | "uint" | "uintp" | "ulonglong" => DType::U64,
            "float32" | "f4" | "single" => DType::F32,
            "float64" | "f8" | "float" | "double" => DType::F64,
            "complex64" | "c8" | "csingle" => DType::C64,
            "complex128" | "c16" | "complex" | "cdouble" => DType::C128,
            _ => return None,
        })
    }

    /// The dtype that holds the values of both, as `numpy.promote_types`; `None` for storage types that differ.
    pub fn promote(self, other: DType) -> Option<DType> {
        use DTypeKind::{Bool, Complex, Float, Signed, Storage, Unsigned};
        if self == other {
            return Some(self);
        }
        let (low, high) = if self.kind() <= other.kind() { (self, other) } else { (other, self) };
        Some(match (low.kind(), high.kind()) {
            (_, Storage) => return None,
            (Bool, _) => high,
            (Unsigned, Unsigned) | (Signed, Signed) | (Float, Float) | (Complex, Complex) => {
                if low.itemsize() > high.itemsize() { low } else { high }
            }
            (Unsigned, Signed) => match low.itemsize().max(high.itemsize() / 2) {
                1 => DType::I16,
                2 => DType::I32,
                4 => DType::I64,
                _ => DType::F64,
            }
            .at_least_signed(high),
            (Unsigned | Signed, Float) => {
                if low.itemsize() <= 2 {
                    high
                } else {
                    DType::F64
                }
            }
            (Unsigned | Signed, Complex) => {
                if low.itemsize() <= 2 {
                    high
                } else {
                    DType::C128
                }
            }
            (Float, Complex) => {
                if low == DType::F64 {
                    DType::C128
                } else {
                    high
                }
            }
            _ => return None,
        })
    }

    fn at_least_signed(self, signed: DType) -> DType {
        if self.kind() == DTypeKind::Signed && signed.itemsize() > self.itemsize() { signed } else { self }
    }

    /// The dtype of an array combined with a Python-like scalar of no fixed width (NEP 50).
    pub fn promote_weak(self, weak: WeakKind) -> DType {
        match (weak, self.kind()) {
            (WeakKind::Bool, _) => self,
            (WeakKind::Int, DTypeKind::Bool) => DType::I64,
            (WeakKind::Int, _) => self,
            (WeakKind::Float, DTypeKind::Bool | DTypeKind::Unsigned | DTypeKind::Signed) => DType::F64,
            (WeakKind::Float, _) => self,
            (WeakKind::Complex, _) => self.complex(),
        }
    }

    /// Whether `numpy.can_cast(self, to, "same_kind")` holds.
    pub fn can_cast_same_kind(self, to: DType) -> bool {
        match (self.kind(), to.kind()) {
            (DTypeKind::Storage, _) | (_, DTypeKind::Storage) => self == to,
            (DTypeKind::Signed, DTypeKind::Unsigned) => false,
            (from, to) => from <= to,
        }
    }
}

/// A scalar that has a kind but no width, like Python's `2` and `2.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WeakKind {
    /// `True`.
    Bool,
    /// `2`.
    Int,
    /// `2.0`.
    Float,
    /// `2j`.
    Complex,
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeUnit::Day => "D",
            TimeUnit::Hour => "h",
            TimeUnit::Minute => "m",
            TimeUnit::Second => "s",
            TimeUnit::Millisecond => "ms",
            TimeUnit::Microsecond => "us",
            TimeUnit::Nanosecond => "ns",
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            DType::Bool => "bool",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
            DType::DateTime(unit) => return write!(f, "datetime64[{unit}]"),
            DType::TimeDelta(unit) => return write!(f, "timedelta64[{unit}]"),
            DType::Bytes(n) => return write!(f, "S{n}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows and columns in the order of [`DType::NUMERIC`]; from `numpy.promote_types`.
    const TABLE: [&str; 13] = [
        "? i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 c8 c16",
        "i1 i1 i2 i4 i8 i2 i4 i8 f8 f4 f8 c8 c16",
        "i2 i2 i2 i4 i8 i2 i4 i8 f8 f4 f8 c8 c16",
        "i4 i4 i4 i4 i8 i4 i4 i8 f8 f8 f8 c16 c16",
        "i8 i8 i8 i8 i8 i8 i8 i8 f8 f8 f8 c16 c16",
        "u1 i2 i2 i4 i8 u1 u2 u4 u8 f4 f8 c8 c16",
        "u2 i4 i4 i4 i8 u2 u2 u4 u8 f4 f8 c8 c16",
        "u4 i8 i8 i8 i8 u4 u4 u4 u8 f8 f8 c16 c16",
        "u8 f8 f8 f8 f8 u8 u8 u8 u8 f8 f8 c16 c16",
        "f4 f4 f4 f8 f8 f4 f4 f8 f8 f4 f8 c8 c16",
        "f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 c16 c16",
        "c8 c8 c8 c16 c16 c8 c8 c16 c16 c8 c16 c8 c16",
        "c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16",
    ];

    #[test]
    fn promotion_agrees_with_numpy() {
        for (row, left) in TABLE.iter().zip(DType::NUMERIC) {
            for (expected, right) in row.split(' ').zip(DType::NUMERIC) {
                assert_eq!(left.promote(right), DType::parse(expected), "{left} with {right}");
            }
        }
    }

    #[test]
    fn weak_scalars_keep_the_width_of_the_array() {
        assert_eq!(DType::F32.promote_weak(WeakKind::Float), DType::F32);
        assert_eq!(DType::I16.promote_weak(WeakKind::Int), DType::I16);
        assert_eq!(DType::I16.promote_weak(WeakKind::Float), DType::F64);
        assert_eq!(DType::F32.promote_weak(WeakKind::Complex), DType::C64);
        assert_eq!(DType::Bool.promote_weak(WeakKind::Int), DType::I64);
    }

    #[test]
    fn storage_types_have_a_size_and_no_common_type() {
        assert_eq!(DType::Bytes(5).itemsize(), 5);
        assert_eq!(DType::DateTime(TimeUnit::Second).promote(DType::F64), None);
        assert_eq!(DType::DateTime(TimeUnit::Nanosecond).to_string(), "datetime64[ns]");
    }
}
