//! What the parser yields: statements, and an arena of expression nodes.
//!
//! The nodes of a program stand in one vector, children always before their parents, and the nodes of a statement are
//! one range of it. So an expression with a hundred thousand terms is evaluated, printed and dropped by plain loops,
//! without recursion.

use std::fmt;
use std::ops::{Index, Range};

/// A range of the source text, in bytes; always on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The place of a node in [`Program::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// An expression: what it is, and where it stands in the source (with its own parentheses, if it has some).
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What the expression is.
    pub kind: NodeKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expression. Every [`NodeId`] in a node is smaller than the node's own.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A variable, function or module by its name.
    Name(String),
    /// An integer literal; a minus sign is a [`NodeKind::Unary`] around it.
    Integer(u64),
    /// A floating-point literal.
    Float(f64),
    /// An imaginary literal such as `2j`: the factor of the imaginary unit.
    Imaginary(f64),
    /// A string literal, escapes already replaced.
    Text(String),
    /// `True` or `False`.
    Bool(bool),
    /// `None`.
    None,
    /// `...` or `Ellipsis`.
    Ellipsis,
    /// `[a, b]`.
    List(Vec<NodeId>),
    /// `(a, b)`, or the same without parentheses.
    Tuple(Vec<NodeId>),
    /// `{key: value}`, in the order written.
    Dict(Vec<(NodeId, NodeId)>),
    /// A sign or `~` or `not`.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// What it is applied to.
        operand: NodeId,
    },
    /// Two operands joined by an operator; `and` and `or` are among them.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// The left operand.
        left: NodeId,
        /// The right operand.
        right: NodeId,
    },
    /// One comparison, or a chain: `a < b <= c` has two entries in `rest`.
    Compare {
        /// The leftmost operand.
        first: NodeId,
        /// Each operator with the operand to its right.
        rest: Vec<(CompareOperator, NodeId)>,
    },
    /// `chosen if condition else otherwise`.
    Conditional {
        /// What is decided on.
        condition: NodeId,
        /// The value if the condition holds.
        chosen: NodeId,
        /// The value if it does not.
        otherwise: NodeId,
    },
    /// `base.name`.
    Attribute {
        /// What stands before the dot.
        base: NodeId,
        /// The word after the dot.
        name: String,
        /// Where that word stands.
        name_span: Span,
    },
    /// `function(arguments)`.
    Call {
        /// What is called: a name or an attribute, as a rule.
        function: NodeId,
        /// The arguments in the order written; positional ones before those with a keyword.
        arguments: Vec<Argument>,
    },
    /// `base[index]`; several indexes separated by commas are one [`NodeKind::Tuple`].
    Subscript {
        /// What is indexed.
        base: NodeId,
        /// An expression, a slice, or a tuple that holds slices.
        index: NodeId,
    },
    /// `start:stop:step`, only inside a subscript.
    Slice {
        /// Where to begin.
        start: Option<NodeId>,
        /// Where to end.
        stop: Option<NodeId>,
        /// How far to go at a time.
        step: Option<NodeId>,
    },
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The keyword and where it stands; `None` for a positional argument.
    pub keyword: Option<(String, Span)>,
    /// The value.
    pub value: NodeId,
}

/// Declares an operator enum together with the way it is written.
macro_rules! operators {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl $name {
            /// The operator as it is written.
            pub fn text(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The operator that is written so.
            pub(super) fn from_text(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

operators! {
    /// The operators before one operand.
    UnaryOperator { Negative = "-", Positive = "+", Invert = "~", Not = "not" }
}

operators! {
    /// The operators between two operands, comparisons excepted.
    BinaryOperator {
        Or = "or", And = "and", BitOr = "|", BitXor = "^", BitAnd = "&", ShiftLeft = "<<", ShiftRight = ">>",
        Add = "+", Subtract = "-", Multiply = "*", Divide = "/", FloorDivide = "//", Remainder = "%",
        MatrixMultiply = "@", Power = "**",
    }
}

operators! {
    /// The comparisons.
    CompareOperator {
        Less = "<", LessEqual = "<=", Greater = ">", GreaterEqual = ">=", Equal = "==", NotEqual = "!=", In = "in",
        NotIn = "not in", Is = "is", IsNot = "is not",
    }
}

/// What an assignment binds.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `name = …`
    Name {
        /// The variable.
        name: String,
        /// Where it stands.
        span: Span,
    },
    /// `base[index] = …`
    Item {
        /// What is indexed.
        base: NodeId,
        /// The index, as in [`NodeKind::Subscript`].
        index: NodeId,
        /// The whole of `base[index]`.
        span: Span,
    },
    /// `a, b = …`
    Names {
        /// The variables, each with its place.
        names: Vec<(String, Span)>,
        /// All of them.
        span: Span,
    },
}

/// A statement, where it stands, and the nodes it owns.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Where it stands.
    pub span: Span,
    /// The range of [`Program::nodes`] to evaluate, in order, before the statement is carried out.
    pub nodes: Range<usize>,
}

/// The kinds of statement.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// An expression by itself.
    Expression(NodeId),
    /// `a = b = value`: the targets from left to right.
    Assign {
        /// What is bound; at least one.
        targets: Vec<Target>,
        /// The value on the right.
        value: NodeId,
    },
    /// `target += value`; the target is a name or an item.
    AugmentedAssign {
        /// What is changed.
        target: Target,
        /// The operator before `=`.
        operator: BinaryOperator,
        /// The value on the right.
        value: NodeId,
    },
}

impl StatementKind {
    /// The expression of the statement, or the right side of the assignment.
    pub fn value(&self) -> NodeId {
        match self {
            StatementKind::Expression(value)
            | StatementKind::Assign { value, .. }
            | StatementKind::AugmentedAssign { value, .. } => *value,
        }
    }
}

/// `import module as alias`: of no effect by itself, but it may introduce a name for a module.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The dotted name, such as `dask.array`.
    pub module: String,
    /// The name after `as`.
    pub alias: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// A parsed text: at least one statement; the last one is the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The expressions of all statements, children before parents.
    pub nodes: Vec<Node>,
    /// The statements in order.
    pub statements: Vec<Statement>,
    /// The modules named by `import` lines.
    pub imports: Vec<Import>,
}

impl Program {
    /// The last statement, whose value is the result.
    pub fn last(&self) -> &Statement {
        self.statements.last().expect("the parser refuses a text without statements")
    }

    /// The expressions of the last statement's value: the elements of a tuple that is written out, else the value.
    pub fn results(&self) -> Vec<NodeId> {
        let value = self.last().kind.value();
        match &self[value].kind {
            NodeKind::Tuple(items) => items.clone(),
            _ => vec![value],
        }
    }
}

impl Index<NodeId> for Program {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_found_by_their_text() {
        for text in ["or", "and", "|", "^", "&", "<<", ">>", "+", "-", "*", "/", "//", "%", "@", "**"] {
            assert_eq!(BinaryOperator::from_text(text).unwrap().text(), text);
        }
        assert_eq!(CompareOperator::from_text("not in"), Some(CompareOperator::NotIn));
        assert_eq!(UnaryOperator::from_text("!"), None);
        assert_eq!(UnaryOperator::Invert.to_string(), "~");
    }

    #[test]
    fn a_written_tuple_is_several_results() {
        let program = crate::language::parse("a = 1; a, (2, 3)").unwrap();
        let kinds: Vec<_> = program.results().iter().map(|&id| program[id].kind.clone()).collect();
        assert_eq!(kinds[0], NodeKind::Name("a".to_owned()));
        assert!(matches!(kinds[1], NodeKind::Tuple(_)));
        assert_eq!(crate::language::parse("f(x)").unwrap().results().len(), 1);
    }

    #[test]
    fn spans_join_in_any_order() {
        assert_eq!(Span::new(4, 6).to(Span::new(1, 2)), Span::new(1, 6));
    }
}
