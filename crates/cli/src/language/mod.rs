//! The expression language of the command line: NumPy's own syntax, a subset of Python.
//!
//! [`parse`] turns a text into a [`Program`]: statements whose expressions are nodes of one arena, children before
//! parents. Nothing here knows arrays: names, calls and attributes get their meaning from the interpreter.

mod diagnostic;
mod expressions;
mod lexer;
mod literals;
mod parser;
mod syntax;

pub use diagnostic::{SyntaxError, nearest_name, render};
pub use parser::parse;
pub use syntax::{
    Argument, BinaryOperator, CompareOperator, NodeId, NodeKind, Program, Span, Statement, StatementKind,
    Target, UnaryOperator,
};
